"""All layers of the interface together, without a database behind them: what is true of every answer and every line."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from app.api.http.body_limit import BodyLimit
from app.api.http.compressed import Compressed
from app.api.http.cross_origin import CrossOrigin
from app.api.http.head import HeadAsGet
from app.api.polling.from_memory import FromMemory
from app.server.app import create_app
from app.settings import Settings
from tests.api.guards import CIVIC_NO, assert_problem, fill
from tests.conftest import NOWHERE

PAGE = "https://skola.example"
ADDRESS = "postgresql+psycopg://nobody@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    settings = Settings(
        database_url=SecretStr(ADDRESS),
        redis_url=SecretStr("redis://127.0.0.1:1"),
        encryption_keys=SecretStr("k1:x"),
        cors_origins=PAGE,
        **{name.lower(): address for name, address in NOWHERE.items()},  # type: ignore[arg-type]
    )
    engine = create_async_engine(ADDRESS)
    runtime: Any = SimpleNamespace(engine=engine, settings=settings, target=Mock(), cipher=Mock(), provider=None)
    return create_app(runtime)


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client for whom an exception that leaves the app is a failed test."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield client


def addresses(app: FastAPI) -> Iterator[tuple[str, str, set[str]]]:
    """Gives each address that is described, filled in, with its template and its methods."""
    ids = dict.fromkeys(("code", "slug", "number"), "2120009812")
    for template, operations in app.openapi()["paths"].items():
        names = {
            each["name"]: "3fa85f64-5717-4562-b3fc-2c963f66afa6"
            for operation in operations.values()
            for each in operation.get("parameters", ())
            if each["in"] == "path"
        }
        yield template, fill(template, {**names, **ids}), set(operations)


@pytest.mark.parametrize("layer", [BodyLimit, FromMemory, Compressed, HeadAsGet, CrossOrigin])
async def test_a_fault_in_any_layer_is_a_problem_without_its_text(
    app: FastAPI, layer: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an id that the answer and both of its lines have: the one about the fault, and the one about the request."""

    async def break_down(*_: object) -> None:
        raise RuntimeError(f"cannot handle {CIVIC_NO}")

    monkeypatch.setattr(layer, "__call__", break_down)
    async with client_of(app) as client:
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answer = await client.get("/healthz")
    assert_problem(answer, 500)
    assert [(each["event"], each["request_id"]) for each in lines] == [
        ("unhandled", answer.headers["x-request-id"]),
        ("request", answer.headers["x-request-id"]),
    ]
    assert (lines[0]["fault"]["type"], lines[1]["status"]) == ("RuntimeError", 500)
    assert CIVIC_NO not in answer.text + str(lines)


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("POST", "/jobs/{}/records/search", 413, "/jobs/{job_id}/records/search"),
        ("PUT", "/runs/{}", 413, "/runs/{run_id}"),
        ("POST", "/historik/logga-in", 413, "/historik/logga-in"),
        ("POST", "/{}", 413, "unmatched"),
        ("GET", "/{}", 404, "unmatched"),
        ("HEAD", "/jobs/", 404, "unmatched"),
        ("GET", "/jobs/{}", 404, "/jobs/{job_id}"),
        ("DELETE", "/jobs", 405, "/jobs"),
    ],
)
async def test_the_line_has_the_template_that_an_address_is_of(
    app: FastAPI, method: str, path: str, status: int, route: str
) -> None:
    """Also where the answer was given before a route was looked for; and a word that is none where there is none."""
    content = b" " * 70_000 if status == 413 else None
    async with client_of(app) as client:
        with structlog.testing.capture_logs() as lines:
            answer = await client.request(method, path.format(CIVIC_NO), content=content)
    [line] = lines
    assert (answer.status_code, line["status"], line["route"]) == (status, status, route)
    assert CIVIC_NO not in str(line)


async def test_what_no_route_has_and_what_an_address_names_none_of_are_told_alike(app: FastAPI) -> None:
    async with client_of(app) as client:
        for path, what in (("/elsewhere", "address"), ("/docs/elsewhere", "address"), (f"/jobs/{CIVIC_NO}", "job")):
            shown = assert_problem(await client.get(path), 404)
            assert shown["detail"] == f"There is no such {what}.", path


async def test_a_browser_that_asks_beforehand_has_the_template_too(app: FastAPI) -> None:
    async with client_of(app) as client:
        with structlog.testing.capture_logs() as lines:
            await client.options("/jobs", headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"})
    assert [(line["status"], line["route"]) for line in lines] == [(204, "/jobs")]


async def test_a_method_that_an_address_does_not_take_is_a_405_that_says_which_it_takes(app: FastAPI) -> None:
    asked = 0
    async with client_of(app) as client:
        for template, address, methods in addresses(app):
            expected = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set())
            for method in {"OPTIONS", "TRACE", "DELETE", "QUERY"} - expected:
                answer = await client.request(method, address)
                assert_problem(answer, 405)
                assert set(answer.headers["allow"].split(", ")) == expected, template
                asked += 1
    assert asked > 100


@pytest.mark.parametrize("accept", ["application/xml", "image/*;q=0.5", "text/html", "", "*/*;q=0"])
async def test_whatever_is_accepted_an_answer_is_json_and_an_error_a_problem(app: FastAPI, accept: str) -> None:
    async with client_of(app) as client:
        answer = await client.get("/healthz", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert_problem(await client.get("/jobs", headers={"Accept": accept}), 401)


async def test_what_needs_no_key_takes_no_parameters_that_it_does_not_know(app: FastAPI) -> None:
    async with client_of(app) as client:
        for path in ("/openapi.json", "/docs", "/docs/start.js", "/healthz", "/explanations", "/problems/busy"):
            shown = assert_problem(await client.get(path, params={CIVIC_NO: "1"}), 400)
            assert shown["detail"] == "query parameter 1: This address takes no parameters.", path
        assert (await client.get("/openapi.json")).json() == app.openapi()
