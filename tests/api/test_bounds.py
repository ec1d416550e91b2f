"""What an organisation may have at most: runs that wait, and bytes of rosters."""

from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from app.settings import Settings
from tests.api.conftest import Service
from tests.api.factories import body, person, put

_MOST_WAITING, _MOST_BYTES = 3, 3000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    bounds = {"max_organisation_waiting_runs": _MOST_WAITING, "max_organisation_bytes": _MOST_BYTES}
    return settings.model_copy(update=bounds)


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history")


async def _provision(client: httpx.AsyncClient, activity_id: UUID) -> httpx.Response:
    return await client.post(f"/activities/{activity_id}/provision")


async def _value(service: Service, query: str) -> int:
    async with service.runtime.engine.begin() as conn:
        return int(await conn.scalar(sa.text(query)) or 0)


def _persons(count: int) -> list[dict[str, object]]:
    return [person(serial=980 + number) for number in range(count)]


async def test_runs_that_wait_are_bounded_over_all_activities(service: Service, client: httpx.AsyncClient) -> None:
    """The ones under way are not among them; a cancelled one makes room; another organisation is not concerned."""
    first, second, third = [await put(client, body()) for _ in range(3)]
    runs = [await _provision(client, each) for each in (first, first, first, second, second)]
    assert [run.status_code for run in runs] == [202] * 5
    refused = await _provision(client, third)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/too-many-waiting-runs")
    assert f"{_MOST_WAITING} runs of the organisation wait already" in refused.json()["detail"]
    assert (await client.get(f"/activities/{third}/runs")).json()["data"] == []
    other = await service.client("provision", "history", organisation=1)
    assert (await _provision(other, await put(other, body()))).status_code == 202
    assert (await client.post(f"/runs/{runs[-1].json()['id']}/cancel")).status_code == 202
    assert (await _provision(client, third)).status_code == 202


async def test_the_bytes_of_rosters_are_bounded_over_all_activities(
    service: Service, client: httpx.AsyncClient
) -> None:
    """Nothing of a roster beyond the bound is stored; less in its place is, and another organisation's."""
    first, second, other = uuid4(), uuid4(), await service.client("provision", "history", organisation=1)
    await put(client, body(_persons(5)), first)
    taken = "SELECT sum(octet_length(sealed)) FROM content"
    before = await _value(service, taken)
    assert await _value(service, "SELECT sum(bytes) FROM activity") == before
    assert _MOST_BYTES < 2 * before < 2 * _MOST_BYTES
    refused = await client.put(f"/activities/{second}", json=body(_persons(5)))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/organisation-full")
    assert f"may take {_MOST_BYTES} bytes together" in refused.json()["detail"]
    assert (await client.get(f"/activities/{second}")).status_code == 404
    assert await _value(service, taken) == before
    assert await _value(service, "SELECT count(*) FROM roster_staging") == 0
    await put(other, body(_persons(5)), second)
    await put(client, body(_persons(2)), first)
    await put(client, body(_persons(5)), first)
    await put(client, body(_persons(2)), first)
    await put(client, body(_persons(5)), second)


async def test_beyond_the_bound_a_roster_may_become_smaller(service: Service, client: httpx.AsyncClient) -> None:
    """As where the bound was higher before."""
    activity_id = await put(client, body(_persons(2)))
    await put(client, body(_persons(5)))
    size = "UPDATE activity SET bytes = bytes + 9000 WHERE jsonb_extract_path(counts, 'persons') = '5' RETURNING 1"
    assert await _value(service, size) == 1
    assert (await client.put(f"/activities/{activity_id}", json=body(_persons(3)))).status_code == 409
    await put(client, body(_persons(1)), activity_id)
