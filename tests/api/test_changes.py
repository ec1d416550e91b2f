"""GET /changes: whoever goes on from cursor to cursor has every run and job as GET gives it."""

from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from app.api.reading.change_cursors import LogPlace
from app.db import runs
from app.db.changes import place_changes_anew
from app.db.engine import connect
from app.domain.change_log import OLDEST, Place
from tests.api.conftest import Service
from tests.api.factories import Played, body, person, put
from tests.api.guards import assert_problem

Shown = dict[str, Any]


def address(service: Service) -> str:
    return service.runtime.settings.database_url.get_secret_value()


async def provisioned(client: httpx.AsyncClient) -> Shown:
    activity_id = await put(client, body([person()]))
    shown: Shown = (await client.post(f"/activities/{activity_id}/provision")).json()
    return shown


async def read(client: httpx.AsyncClient, after: str | None = None, limit: int = 200) -> tuple[list[Shown], str]:
    """Reads until there is nothing more, and gives the cursor to go on from."""
    found = list[Shown]()
    while True:
        query = {"limit": str(limit), **({} if after is None else {"after": after})}
        answer = await client.get("/changes", params=query)
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert len(shown["data"]) <= limit
        found += shown["data"]
        after = shown["next_cursor"]
        if "retry-after" in answer.headers:
            return found, after


async def settled(client: httpx.AsyncClient, after: str | None, wanted: str, status: str) -> tuple[list[Shown], str]:
    """Reads until something has come in a state, however long others keep it back; gives all until then."""
    found = list[Shown]()
    while not any(each["id"] == wanted and each["status"] == status for each in found):
        more, after = await read(client, after)
        found += more
    assert after is not None
    return found, after


def kept(changes: list[Shown]) -> dict[str, Shown]:
    """Gives what one has who takes each change in."""
    return {each["id"]: {name: value for name, value in each.items() if name != "type"} for each in changes}


async def test_who_takes_each_change_in_has_what_get_gives(service: Service) -> None:
    """From the oldest, over pages of any size: the run and its jobs as they are, each with its type, and each once."""
    client = await service.client("provision", "history")
    run = await provisioned(client)
    await (await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))).stage(1)
    await client.post(f"/runs/{run['id']}/cancel")
    changes, _ = await settled(client, None, run["id"], "cancelled")
    again, _ = await read(client, limit=1)
    assert kept(again) == kept(changes)
    assert len(again) == len(kept(again)) == 5
    assert {each["type"] for each in changes} == {"run", "job"}
    shown = (await client.get(f"/runs/{run['id']}")).json()
    assert kept(changes) == {shown["id"]: shown, **{job["id"]: job for job in shown["jobs"]}}


async def test_a_change_brings_all_that_get_gives_otherwise_now(service: Service) -> None:
    """Once a stage has ended: the run and the jobs that have changed, and no others."""
    client = await service.client("provision", "history")
    run = await provisioned(client)
    _, after = await settled(client, None, run["id"], "running")
    before = {each["id"]: each for each in (await client.get("/jobs")).json()["data"]}
    await (await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))).stage(1)
    changes, after = await settled(client, after, run["jobs"][0]["id"], "succeeded")
    while (more := await read(client, after))[0]:
        changes += more[0]
        after = more[1]
    now = {each["id"]: each for each in (await client.get("/jobs")).json()["data"]}
    assert {id_ for id_ in now if now[id_] != before[id_]} == kept(changes).keys() - {run["id"]}
    assert kept(changes)[run["id"]] == (await client.get(f"/runs/{run['id']}")).json()


async def test_what_began_earlier_and_is_committed_later_is_not_missed(service: Service) -> None:
    """Two runs end, the one whose transaction began first after the other one, with a reader in between."""
    client = await service.client("provision", "history")
    first, second = await provisioned(client), await provisioned(client)
    _, after = await settled(client, None, second["id"], "running")
    engine = connect(address(service), pool=2)
    async with engine.connect() as early:
        await runs.cancel_run(early, service.organisations[0], UUID(first["id"]))
        await client.post(f"/runs/{second['id']}/cancel")
        # Nothing that was changed after the open transaction has begun is given before it ends.
        changes, after = await read(client, after)
        assert changes == []
        await early.commit()
    await engine.dispose()
    changes, after = await settled(client, after, second["id"], "cancelled")
    assert {each["id"] for each in changes if each["type"] == "run"} == {first["id"], second["id"]}
    statuses = {each["id"]: each["status"] for each in changes if each["type"] == "run"}
    assert statuses == dict.fromkeys(statuses, "cancelled")


async def test_now_begins_behind_what_was_before(service: Service) -> None:
    client = await service.client("provision", "history")
    earlier = await provisioned(client)
    await settled(client, None, earlier["id"], "running")
    answer = await client.get("/changes", params={"after": "now"})
    assert answer.json()["data"] == []
    later = await provisioned(client)
    changes, _ = await settled(client, answer.json()["next_cursor"], later["id"], "running")
    assert {each["id"] for each in changes if each["type"] == "run"} == {later["id"]}


async def test_a_key_is_shown_the_changes_that_it_may_see(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that provisions alone those of its own runs, also behind many of others; another organisation none."""
    monkeypatch.setattr("app.db.changes._SCANNED_FOR_ONE_KEY", 2)
    one, other = await service.client("provision"), await service.client("provision")
    run, others = await provisioned(one), await provisioned(other)
    mine, _ = await settled(one, None, run["id"], "running")
    theirs, _ = await settled(other, None, others["id"], "running")
    assert {each["type"]: each.get("run_id", each["id"]) for each in mine} == {"run": run["id"], "job": run["id"]}
    assert kept(mine).keys().isdisjoint(kept(theirs))
    assert (await read(await service.client("history", organisation=1)))[0] == []
    assert_problem(await (await service.client("admin")).get("/changes"), 403)


async def test_a_cursor_of_another_log_is_gone(service: Service) -> None:
    """As after a restore: the numbers of its transactions mean others here. What was never a cursor is refused."""
    client = await service.client("history")
    theirs = LogPlace.of("another database", OLDEST).cursor
    shown = assert_problem(await client.get("/changes", params={"after": theirs}), 410)
    assert "restored" in shown["detail"]
    for wrong in ("0", "ö", theirs[:-4], "WyJjNGNh"):
        assert_problem(await client.get("/changes", params={"after": wrong}), 400)


async def test_a_cursor_of_a_time_that_was_undone_is_gone(service: Service) -> None:
    """A disk that was put back as it had been is the same log, which has not come so far."""
    client = await service.client("history")
    end = LogPlace.read((await client.get("/changes", params={"after": "now"})).json()["next_cursor"])
    assert (await client.get("/changes", params={"after": end.cursor})).status_code == 200
    undone = end._replace(place=Place.before(end.place.stamp.changed_in + 10**9))
    assert_problem(await client.get("/changes", params={"after": undone.cursor}), 410)


async def test_what_was_loaded_from_a_dump_has_places_that_are_reached(service: Service) -> None:
    """In another cluster its transactions would come after all of this one's, for years."""
    client = await service.client("provision", "history")
    run = await provisioned(client)
    await client.post(f"/runs/{run['id']}/cancel")
    await settled(client, None, run["id"], "cancelled")
    with psycopg.connect(address(service)) as conn:
        conn.execute("SET session_replication_role = replica")
        for table in ("run", "job"):
            conn.execute(f"UPDATE {table} SET changed_in = '9000000000000'")
    assert (await read(client))[0] == []
    assert place_changes_anew(address(service))
    assert not place_changes_anew(address(service))
    # The guards are back.
    with psycopg.connect(address(service)) as conn, pytest.raises(psycopg.DatabaseError):
        conn.execute("UPDATE run SET sequence = 99")
    changes, _ = await settled(client, None, run["id"], "cancelled")
    assert len(kept(changes)) == 5
