"""Event streams that go on where they ended, of one thing and of a whole organisation, and the tickets for them."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from app.api.reading.change_cursors import LogPlace
from app.domain.change_log import OLDEST
from app.security.tickets import GOOD_FOR
from tests.api.conftest import Service
from tests.api.event_reading import Event, events
from tests.api.factories import Played, body, person, put
from tests.api.guards import assert_problem, routes
from tests.api.observing import counted, until


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history")


@pytest.fixture(autouse=True)
async def bounded() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no watcher tells is read after a moment."""
    monkeypatch.setattr("app.api.event_streams._POLL_SECONDS", 0.02)


async def provisioned(client: httpx.AsyncClient, *, settled: bool = True) -> dict[str, str]:
    activity_id = await put(client, body([person()]))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    while settled and all(each["id"] != run["id"] for each in (await client.get("/changes")).json()["data"]):
        pass
    return {"run": run["id"], "job": run["jobs"][0]["id"]}


async def play(service: Service, run_id: str, *positions: int) -> None:
    played = await Played.of(service.runtime, service.organisations[0], UUID(run_id))
    for position in positions:
        await played.stage(position)


async def revoke(service: Service, client: httpx.AsyncClient) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(
            sa.text("UPDATE api_key SET revoked_at = now() WHERE handle = :handle"),
            {"handle": client.headers["authorization"].split("_")[1]},
        )


async def ticket_of(client: httpx.AsyncClient) -> str:
    answer = await client.post("/events/tickets")
    assert answer.status_code == 201, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


async def until_of(stream: AsyncIterator[Event], id_: str, status: str) -> list[Event]:
    """Reads until something has come in a state; gives all that came."""
    found = []
    async for each in stream:
        found.append(each)
        if each.data.get("id") == id_ and each.data["status"] == status:
            return found
    raise AssertionError("the stream has ended before")


@pytest.mark.parametrize("of", ["run", "job"])
async def test_a_stream_goes_on_behind_the_last_id_and_tells_when_there_is_no_more(
    service: Service, client: httpx.AsyncClient, of: str, quick: None
) -> None:
    """A snapshot; after a break what has changed in between; `close` with the last; then 204 for that id."""
    ids = await provisioned(client)
    path = f"/{of}s/{ids[of]}/events"
    async with events(client, path) as stream:
        first = await anext(stream)
        assert (first.name, first.data) == (of, (await client.get(f"/{of}s/{ids[of]}")).json())
    # Nothing has changed, so nothing comes until something does.
    async with events(client, path, last_id=first.last_id) as stream:
        await play(service, ids["run"], 1)
        second = await anext(stream)
        assert second.data["version"] > first.data["version"]
    await client.post(f"/runs/{ids['run']}/cancel")
    async with events(client, path, last_id=second.last_id) as stream:
        rest = [each async for each in stream]
    assert [each.name for each in rest] == [of, "close"]
    assert rest[0].data == (await client.get(f"/{of}s/{ids[of]}")).json()
    assert rest[1].last_id == rest[0].last_id
    ended = await client.get(path, headers={"Last-Event-ID": rest[1].last_id or ""})
    assert (ended.status_code, ended.content) == (204, b"")
    # In the address, for those who can send no header; an older id is told the end.
    assert (await client.get(path, params={"last_event_id": rest[1].last_id})).status_code == 204
    assert (await client.get(path, headers={"Last-Event-ID": first.last_id or ""})).status_code == 200


async def test_who_is_cut_off_and_comes_again_is_told_each_change_once(
    service: Service, client: httpx.AsyncClient, quick: None
) -> None:
    """Of the whole organisation, with a break after each event; and in the end all is as GET gives it."""
    ids = await provisioned(client)
    async with events(client, "/events") as stream:
        before = await anext(stream)
        last_id = (await anext(stream)).last_id
    told, known = [before.known_by], {before.data["id"]: before.data}
    await play(service, ids["run"], 1, 2)
    await client.post(f"/runs/{ids['run']}/cancel")
    while known[ids["run"]]["status"] != "cancelled" or len(known) < 5:
        async with events(client, "/events", last_id=last_id) as stream:
            each = await anext(stream)
        last_id = each.last_id
        told.append(each.known_by)
        known[each.data["id"]] = each.data
    # Whatever was of the same transaction as what came last.
    ahead = (await client.get("/changes", params={"after": last_id})).json()["data"]
    known |= {each["id"]: {name: value for name, value in each.items() if name != "type"} for each in ahead}
    assert len(set(told)) == len(told)
    run = (await client.get(f"/runs/{ids['run']}")).json()
    assert known == {run["id"]: run, **{job["id"]: job for job in run["jobs"]}}


async def test_a_snapshot_has_what_is_not_settled_yet(service: Service, client: httpx.AsyncClient, quick: None) -> None:
    """While somebody's transaction stays open no change is told; what was in the snapshot comes again behind it."""
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("SELECT pg_current_xact_id()"))
        ids = await provisioned(client, settled=False)
        async with events(client, "/events") as stream:
            first = [await anext(stream) for _ in range(2)]
        assert [each.name for each in first] == ["run", "ready"]
        assert first[0].data == (await client.get(f"/runs/{ids['run']}")).json()
    async with events(client, "/events", last_id=first[1].last_id) as stream:
        assert (await until_of(stream, ids["run"], "running"))[-1].known_by == first[0].known_by


async def test_all_streams_of_an_organisation_are_fed_by_one_reading(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty that wait ask nobody; a change is read once for all of them, and reaches no other organisation."""
    monkeypatch.setattr("app.domain.changes.FRESH_FOR", 3.0)
    runs = service.app.state.parts.runs
    await until(lambda: runs.watcher.fresh)
    ids = await provisioned(client)
    elsewhere = await service.client("history", organisation=1)
    async with asyncio.TaskGroup() as tasks, events(elsewhere, "/events") as theirs:
        assert (await anext(theirs)).name == "ready"
        ready = asyncio.Barrier(31)

        async def follow() -> list[Event]:
            async with events(client, "/events") as stream:
                found = await until_of(stream, ids["run"], "running")
                await ready.wait()
                return found + await until_of(stream, ids["run"], "cancelled")

        following = [tasks.create_task(follow()) for _ in range(30)]
        await ready.wait()
        # Whatever was not settled when they began has come by now.
        await until(lambda: len({each.seen.logs for each in runs.followers._followers if each.seen.logs}) <= 2)
        with counted(service) as statements:
            await asyncio.sleep(1.2)
            waiting = len(statements)
            await client.post(f"/runs/{ids['run']}/cancel")
            told = [await each for each in following]
        assert waiting <= 3
        assert sum("touched" in each for each in statements) <= 5
        assert len({tuple(each.known_by for each in some if each.data) for some in told}) == 1
    await until(lambda: not runs.followers._followers)


@pytest.mark.parametrize(
    "last_id", ["what we never gave", "WyJjNGNh", LogPlace.of("another database", OLDEST).cursor], ids=range(3)
)
async def test_whose_place_is_gone_begins_anew(client: httpx.AsyncClient, last_id: str) -> None:
    """A browser would take a refusal for the end of all: it is told to forget, and given a snapshot."""
    ids = await provisioned(client)
    async with events(client, "/events", last_id=last_id) as stream:
        assert (await anext(stream)).name == "reset"
        await until_of(stream, ids["run"], "running")


async def test_streams_give_signs_of_life(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, which no browser shows, so that nothing between takes a stream for dead."""
    monkeypatch.setattr("app.api.event_streams.HEARTBEAT", 0.01)
    ids = await provisioned(client)
    for path in (f"/runs/{ids['run']}/events", f"/jobs/{ids['job']}/events", "/events"):
        async with client.stream("GET", path) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            while await anext(lines) != ": still there":
                pass


async def test_a_stream_ends_when_its_key_may_not_see_it_any_more(
    service: Service, client: httpx.AsyncClient, quick: None
) -> None:
    """The key has lost its scope, or is revoked, by header or by ticket: nothing comes from then on."""
    ids = await provisioned(client)
    narrowed, revoked, by_ticket = [await service.client("history") for _ in range(3)]
    ticket = await ticket_of(by_ticket)
    path = f"/runs/{ids['run']}/events"
    async with (
        events(narrowed, "/events") as first,
        events(revoked, "/events") as second,
        events(await service.client(), path, ticket=ticket) as third,
    ):
        for stream in (first, second):
            await until_of(stream, ids["run"], "running")
        await anext(third)
        await revoke(service, revoked)
        await revoke(service, by_ticket)
        async with service.runtime.engine.begin() as conn:
            await conn.execute(
                sa.text("UPDATE api_key SET scopes = '{admin}' WHERE handle = :handle"),
                {"handle": narrowed.headers["authorization"].split("_")[1]},
            )
        for stream in (first, second, third):
            assert [each async for each in stream if each.name != "ready"] == []
    # Its ticket is worth nothing now.
    assert_problem(await (await service.client()).get(path, params={"ticket": ticket}), 401)


async def test_a_ticket_opens_streams_for_a_minute_and_what_it_has_opened_goes_on(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    """Without a header, as its key; several times, as a browser does after a break."""
    ids = await provisioned(client)
    bare, answer = await service.client(), await client.post("/events/tickets")
    ticket = answer.json()["ticket"]
    assert answer.headers["cache-control"] == "no-store"
    assert client.headers["authorization"].split("_")[1] not in ticket
    path = f"/runs/{ids['run']}/events"
    for _ in range(2):
        async with events(bare, path, ticket=ticket) as stream:
            assert (await anext(stream)).data["id"] == ids["run"]
    async with events(bare, "/events", ticket=ticket) as stream:
        await until_of(stream, ids["run"], "running")
        later = time.time() + GOOD_FOR
        monkeypatch.setattr("app.api.event_callers.time.time", lambda: later)
        assert_problem(await bare.get(path, params={"ticket": ticket}), 401)
        await client.post(f"/runs/{ids['run']}/cancel")
        await until_of(stream, ids["run"], "cancelled")


async def test_a_ticket_is_for_event_streams_alone(service: Service, ids: dict[str, str]) -> None:
    """Whatever else it is shown to takes no such parameter; and for no more than its key may see."""
    client, bare = await service.client("history", "pii", "protected"), await service.client()
    ticket = await ticket_of(client)
    others = [path for method, path in routes(service) if method == "GET" and not path.endswith("/events")]
    assert others
    for path in others:
        address = path.format(kind="persons", **ids)
        assert (await bare.get(address, params={"ticket": ticket})).status_code in {400, 401}, path
        assert (await bare.get(address, headers={"Authorization": f"Bearer {ticket}"})).status_code == 401, path
    own = await ticket_of(await service.client("provision"))
    assert_problem(await bare.get(f"/runs/{ids['run_id']}/events", params={"ticket": own}), 403)
    theirs = await ticket_of(await service.client("history", organisation=1))
    assert_problem(await bare.get(f"/jobs/{ids['job_id']}/events", params={"ticket": theirs}), 404)
    for wrong in ("", "et_", "et_AAAA", "ö", ticket[:-2], ticket + "A" * 4):
        problem = assert_problem(await bare.get("/events", params={"ticket": wrong}), 401)
        assert not wrong or wrong == "et_" or wrong not in str(problem)
    assert_problem(await (await service.client("admin")).post("/events/tickets"), 403)
