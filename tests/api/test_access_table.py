"""Every route has a row that says who gets what, and each caller gets just that."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.web.routers import ROUTERS as PAGE_ROUTERS
from tests.api import access_table
from tests.api.access_table import SCOPES, Row
from tests.api.conftest import FROM_HERE, NUMBERS, UNIT, Service, SignIn, one_of_everything
from tests.api.guards import OPEN, assert_problem, content_of, fill, request

# Pages that nobody has to sign in for, and the one for whatever is no page.
OPEN_PAGES = {
    *(("GET", "/historik/logga-in"), ("POST", "/historik/logga-in"), ("GET", "/historik/filer/{digest}/{name}")),
    *(("GET", "/historik/logga-in/start"), ("GET", "/historik/logga-in/svar"), ("GET", "/historik/{rest:path}")),
}
# What every form of the pages takes.
FORM = {"on_record_error": "halt", "reason": "Prov", "q": "Exempelsson"}
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
# A key of ours that nobody has been given.
WRONG = "pk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_2c2b5e"


def operations(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Lists what the app's routes take: whatever is not one of ours is named too, by its class."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from operations(included.routes)
        elif isinstance(route, APIRoute):
            yield from ((method, route.path) for method in (route.methods or set()) - {"HEAD"})
        else:
            yield type(route).__name__, getattr(route, "path", "")


def pages() -> set[tuple[str, str]]:
    return {each for router in PAGE_ROUTERS for each in operations(list(router.routes))}


def test_every_route_has_one_row(service_routes: list[tuple[str, str]]) -> None:
    """A new route fails this until its row says who may ask for it."""
    in_table = [(row.method, row.path) for row in (*access_table.API, *access_table.PAGES)]
    assert len(set(in_table)) == len(in_table)
    is_open = {("GET", path) for path in OPEN} | OPEN_PAGES
    assert {each for each in service_routes if each not in is_open} == set(in_table)


@pytest.fixture
def service_routes(service: Service) -> list[tuple[str, str]]:
    return list(operations(list(service.app.routes)))


@pytest.fixture
async def clients(service: Service) -> dict[str, httpx.AsyncClient]:
    made = {}
    for name, scopes in SCOPES.items():
        made[name] = await (service.operator() if name == "operator" else service.client(*scopes, **of(name)))
    return made


def of(name: str) -> dict[str, Any]:
    """Gives of what organisation and units a caller's key is."""
    return {"organisation": int(name == "foreign"), "school_units": [UNIT] if name == "units" else None}


@pytest.fixture
async def named(service: Service, clients: Mapping[str, httpx.AsyncClient]) -> dict[str, str]:
    return await one_of_everything(service, clients["own"]) | {"number": NUMBERS[0]}


async def test_each_caller_gets_of_each_route_what_its_row_says(
    clients: Mapping[str, httpx.AsyncClient], service: Service, named: dict[str, str]
) -> None:
    bare, wrong = await service.client(), await service.client()
    wrong.headers["Authorization"] = f"Bearer {WRONG}"
    got = []
    for row in access_table.API:
        address = fill(row.path, named)
        for client in (bare, wrong):
            assert_problem(await request(client, row.method, address), 401)
        statuses = {name: await status_of(clients[name], row.method, address) for name in row.statuses}
        got.append(Row(row.method, row.path, statuses))
    assert_same(got, access_table.API)


async def test_each_visitor_gets_of_each_page_what_its_row_says(
    sign_in: SignIn, service: Service, clients: Mapping[str, httpx.AsyncClient], named: dict[str, str]
) -> None:
    """Who may not sign in is led to the sign-in as who has not done it."""
    nobody = await service.client()
    visitors = {}
    for name in access_table.PAGES[0].statuses:
        signs_in = "history" in SCOPES[name] or name == "operator"
        visitors[name] = await sign_in(*SCOPES[name], **of(name)) if signs_in else nobody
    got = []
    for row in access_table.PAGES:
        address = fill(row.path, named | {"form": "csv"})
        assert await page_status(nobody, row.method, address) == 401
        statuses = {name: await page_status(client, row.method, address) for name, client in visitors.items()}
        got.append(Row(row.method, row.path, statuses))
    assert_same(got, access_table.PAGES)


async def status_of(client: httpx.AsyncClient, method: str, address: str) -> int:
    async with asyncio.timeout(20), client.stream(method, address, **content_of(method, address)) as answer:
        # What streams events never ends: its status is there before.
        return answer.status_code


async def page_status(client: httpx.AsyncClient, method: str, address: str) -> int:
    if method == "GET":
        return led_to(await client.get(address))
    # An operator is led to a page of theirs.
    token = TOKEN.search((await client.get("/historik", follow_redirects=True)).text)
    form = {"form_token": token[1] if token else "", **FORM}
    return led_to(await client.post(address, data=form, headers=FROM_HERE))


def led_to(answer: httpx.Response) -> int:
    """Gives the status, 401 for who is led to the sign-in: signing out does that too, and is nobody's secret."""
    asked = answer.headers.get("location", "").startswith("/historik/logga-in")
    return 401 if asked else answer.status_code


def assert_same(got: Sequence[Row], expected: Sequence[Row]) -> None:
    differing = [(row.method, row.path, row.statuses) for row in got if row not in expected]
    assert not differing
