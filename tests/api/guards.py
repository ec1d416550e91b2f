"""What the guards over all routes go by: every operation of the description, and what a problem looks like."""

import re
from typing import Any

import httpx

from app.catalogue import catalogue
from tests.api.conftest import Service
from tests.api.factories import body

OPEN = {
    *("/healthz", "/readyz", "/version", "/docs", "/docs/{name}", "/openapi.json"),
    *("/explanations", "/explanations/{code}", "/problems", "/problems/{slug}"),
}
CIVIC_NO = "201201019807"
ALL_SCOPES = ("provision", "history", "pii", "protected", "admin", "audit")


_routes: list[tuple[str, str]] = []


def routes(service: Service) -> list[tuple[str, str]]:
    """Lists every operation that the description has and that needs a key of an organisation."""
    return [each for each in _all(service) if not each[1].startswith("/operations/")]


def operators_routes(service: Service) -> list[tuple[str, str]]:
    """Lists every operation that needs an operator's key."""
    return [each for each in _all(service) if each[1].startswith("/operations/")]


def _all(service: Service) -> list[tuple[str, str]]:
    if not _routes:  # every service has the same ones, and to describe them takes a fifth of a second
        _routes.extend(
            (method.upper(), path)
            for path, operations in service.app.openapi()["paths"].items()
            for method in operations
            if path not in OPEN
        )
    return _routes


def fill(path: str, ids: dict[str, str]) -> str:
    """Puts ids into a route's template, and a kind that there is."""
    given = {"kind": "persons", **ids}
    return re.sub(r"\{(\w+)\}", lambda name: given[name[1]], path)


async def request(client: httpx.AsyncClient, method: str, address: str) -> httpx.Response:
    """Sends what an operation takes."""
    return await client.request(method, address, **content_of(method, address))


def content_of(method: str, address: str) -> dict[str, Any]:
    """Gives what an operation takes, as a client's argument."""
    change = {"enabled": True} if address.startswith("/webhooks") else {"display_name": "Prov"}
    bodies = {"PUT": body(), "POST": {}, "PATCH": change}
    if method not in bodies:
        return {}
    return {"json": {"reason": "Prov"} if "/pause" in address else bodies[method]}


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Gives a problem's content, once it is sure to be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    shown: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= shown.keys()
    assert shown["status"] == status
    assert shown["type"].removeprefix("/problems/") in catalogue().problems
    assert shown["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return shown
