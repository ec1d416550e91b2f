"""What the guards over all routes go by: every operation of the description, and what a problem looks like."""

import re
from typing import Any

import httpx

from tests.api.conftest import Service
from tests.api.factories import body

OPEN = {
    *("/healthz", "/readyz", "/metrics", "/docs", "/docs/{name}", "/openapi.json"),
    *("/explanations", "/explanations/{code}"),
}
CIVIC_NO = "201201019807"
ALL_SCOPES = ("provision", "history", "pii", "protected")


_routes: list[tuple[str, str]] = []


def routes(service: Service) -> list[tuple[str, str]]:
    """Lists every operation that the description has and that needs a key."""
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
    bodies = {"PUT": body(), "POST": {}, "PATCH": {"display_name": "Prov"}}
    content = {"json": bodies[method]} if method in bodies else {}
    return await client.request(method, address, **content)  # type: ignore[arg-type]


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Gives a problem's content, once it is sure to be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    shown: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= shown.keys()
    assert shown["status"] == status
    return shown
