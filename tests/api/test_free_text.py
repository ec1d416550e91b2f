"""What an organisation writes in its own words: whoever has a dump, or a table, has none of it."""

import base64
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from tests.api.conftest import Service
from tests.api.factories import body, person, put

NAMES = ("Prov med markörnamnet Qvx", "Prov med markörnamnet Qvy")
REASON = "Skäl med markörnamnet Qvz"
PURPOSES = ("Mottagare med markörnamnet Qvå", "Mottagare med markörnamnet Qvä")


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected", "admin")


async def dump(service: Service) -> str:
    """Writes every row of every table as text, as a dump has it."""
    async with service.runtime.engine.connect() as conn:
        tables = await conn.scalars(sa.text("SELECT relid::regclass::text FROM pg_stat_user_tables ORDER BY 1"))
        rows = [await conn.scalars(sa.text(f"SELECT row::text FROM {table} AS row")) for table in tables.all()]
    return "\n".join(row for of_table in rows for row in of_table)


def forms(text: str) -> list[str]:
    """Writes a text as it may stand in a dump: itself, escaped in JSON, as bytes and as their base64."""
    plain = text.encode()
    return [text, text.encode("unicode_escape").decode(), plain.hex(), base64.b64encode(plain).decode()[:-4]]


async def named(client: httpx.AsyncClient, activity_id: UUID, run_id: str) -> set[str]:
    """Gives what the activity is called wherever its name is shown."""
    places = [f"/activities/{activity_id}", f"/runs/{run_id}", f"/activities/{activity_id}/readiness"]
    shown = [(await client.get(each)).json() for each in places]
    lists = ("/activities", "/runs", "/jobs", "/changes", f"/activities/{activity_id}/runs")
    shown += [each for listed in lists for each in (await client.get(listed)).json()["data"]]
    return {each.get("activity", each)["display_name"] for each in shown}


async def test_a_dump_has_nothing_that_an_organisation_has_written_in_its_own_words(
    service: Service, client: httpx.AsyncClient
) -> None:
    """Whatever was done with it: put, renamed, sent, planned, paused, told to a webhook, answered again and deleted."""
    pupil = person()
    activity_id = await put(client, {**body([pupil]), "display_name": NAMES[0]})
    hook = {"url": "https://hook.example.se", "types": ["run.succeeded"], "description": PURPOSES[0]}
    webhook = (await client.post("/webhooks", json=hook)).json()
    assert webhook["description"] == PURPOSES[0]
    changed = await client.patch(f"/webhooks/{webhook['id']}", json={"description": PURPOSES[1]})
    rotated = await client.post(f"/webhooks/{webhook['id']}/secret/rotate")
    found = (await client.get(f"/webhooks/{webhook['id']}")).json()
    [listed] = (await client.get("/webhooks")).json()["data"]
    assert {each["description"] for each in (changed.json(), rotated.json(), found, listed)} == {PURPOSES[1]}
    headers = {"Idempotency-Key": "one"}
    run = (await client.post(f"/activities/{activity_id}/provision", headers=headers)).json()
    assert await named(client, activity_id, run["id"]) == {NAMES[0]}
    assert (await client.patch(f"/activities/{activity_id}", json={"display_name": NAMES[1]})).status_code == 200
    await client.post(f"/activities/{activity_id}/plans")
    paused = await client.post(f"/activities/{activity_id}/pause", json={"reason": REASON})
    assert [each["reason"] for each in paused.json()["pauses"]] == [REASON]
    assert await named(client, activity_id, run["id"]) == {NAMES[1]}
    known = await client.get(f"/objects/persons/{pupil['id']}")
    assert [each["display_name"] for each in known.json()["activities"]] == [NAMES[1]]
    everything = await dump(service)
    assert str(activity_id) in everything
    await client.post(f"/runs/{run['id']}/cancel")
    assert (await client.delete(f"/activities/{activity_id}")).status_code == 204
    everything += await dump(service)
    for text in (*NAMES, REASON, *PURPOSES):
        assert not [form for form in forms(text) if form in everything]


async def test_with_an_activity_its_name_goes(service: Service, client: httpx.AsyncClient) -> None:
    """What is sealed of it too: nobody with all keys finds out."""
    activity_id = await put(client, {**body(), "display_name": NAMES[0]})
    sealed = sa.text("SELECT display_name_sealed FROM activity WHERE id = :id")
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(sealed, {"id": activity_id}) is not None
    await client.delete(f"/activities/{activity_id}")
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(sealed, {"id": activity_id}) is None
    again = await client.put(f"/activities/{activity_id}", json={**body(), "display_name": NAMES[1]})
    assert (again.status_code, again.json()["display_name"]) == (201, NAMES[1])


async def test_runs_change_with_another_name_alone(service: Service, client: httpx.AsyncClient) -> None:
    """Not with the same one, which is sealed at each time in another way, beside another roster or not."""
    pupil = person()
    activity_id = await put(client, {**body([pupil]), "display_name": NAMES[0]})
    versions = []
    for name, roster in (
        (NAMES[0], [pupil]),
        (NAMES[0], [pupil, person()]),
        (NAMES[1], [pupil]),
        (NAMES[1], [person()]),
    ):
        await client.put(f"/activities/{activity_id}", json={**body(roster), "display_name": name})
        await client.patch(f"/activities/{activity_id}", json={"display_name": name})
        async with service.runtime.engine.connect() as conn:
            found = await conn.execute(
                sa.text("SELECT version, shown_version FROM activity WHERE id = :id"), {"id": activity_id}
            )
            versions.append(tuple(found.one()))
    assert versions == [(1, 1), (2, 1), (3, 2), (4, 2)]
