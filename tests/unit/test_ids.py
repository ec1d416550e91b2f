"""How ids are spelt in a query: in the 36 characters of RFC 9562, or it is a 400 that names the parameter."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from app.api.http import handlers
from app.api.http.history_filters import JobsWanted, RunsWanted
from app.api.http.record_filters import FilterOfRecords

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of routes that only read their filters."""
    router = APIRouter()

    @router.get("/runs")
    async def runs(wanted: RunsWanted) -> list[UUID]:
        return [*wanted.activity_ids, *wanted.requested_by]

    @router.get("/jobs")
    async def jobs(wanted: JobsWanted) -> list[UUID]:
        return [*wanted.activity_ids, *wanted.run_ids]

    @router.get("/records")
    async def records(wanted: FilterOfRecords) -> list[UUID]:
        return list(wanted.school_units)

    app = FastAPI()
    app.include_router(router)
    handlers.install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield client


FILTERS = [
    ("/runs", "activity_id"),
    ("/runs", "requested_by"),
    ("/jobs", "activity_id"),
    ("/jobs", "run_id"),
    ("/records", "school_unit"),
]


@pytest.mark.parametrize(("path", "name"), FILTERS)
@pytest.mark.parametrize(
    "spelt",
    [f"{{{ID}}}", f"urn:uuid:{ID}", UUID(ID).hex, f" {ID}", "201201019807", ""],
    ids=["braces", "urn", "hex", "space", "number", "empty"],
)
async def test_any_other_spelling_is_a_400(client: httpx.AsyncClient, path: str, name: str, spelt: str) -> None:
    answer = await client.get(path, params={name: [ID, spelt]})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")
    assert answer.json()["detail"] == (
        f"query {name}: There must be an id here: a UUID of 36 characters, with its hyphens."
    )


@pytest.mark.parametrize(("path", "name"), FILTERS)
async def test_capitals_are_the_same_id(client: httpx.AsyncClient, path: str, name: str) -> None:
    """As RFC 9562 has it, and as in addresses and rosters; answers have small letters."""
    answer = await client.get(path, params={name: ID.upper()})
    assert (answer.status_code, json.loads(answer.content)) == (200, [ID])


async def test_too_many_values_are_told_the_number(client: httpx.AsyncClient) -> None:
    answer = await client.get("/jobs", params={"run_id": [ID] * 51})
    assert (answer.status_code, answer.json()["detail"]) == (400, "query run_id: There may be at most 50 values here.")
