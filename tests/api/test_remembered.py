"""Polled reads: from memory while that is known to be right, and never older than a second."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import httpx
import psycopg
import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.dependencies import Parts
from app.api.polling.run_reader import RunReader
from app.db.engine import connect
from tests.api.conftest import Service
from tests.api.factories import body, person, put
from tests.api.observing import cancelled_elsewhere, counted, end_watchers, refuse, until
from tests.api.wire import Wire

WITHIN = 1.0


@dataclass
class Polling:
    """A run of one person, and one who polls it and its first job."""

    service: Service
    client: httpx.AsyncClient
    activity_id: UUID
    run_id: UUID
    job_id: UUID

    @property
    def address(self) -> str:
        return self.service.runtime.settings.database_url.get_secret_value()

    @property
    def paths(self) -> list[str]:
        return [f"/runs/{self.run_id}", f"/jobs/{self.job_id}"]

    async def tags(self) -> dict[str, str]:
        return {path: (await self.client.get(path)).headers["etag"] for path in self.paths}

    async def poll(self, tags: dict[str, str]) -> list[int]:
        answers = [await self.client.get(path, headers={"If-None-Match": tag}) for path, tag in tags.items()]
        return [answer.status_code for answer in answers]

    async def cancel_elsewhere(self) -> None:
        await cancelled_elsewhere(self.service, self.run_id)


@pytest.fixture
async def polling(service: Service) -> Polling:
    client = await service.client("provision", "history")
    activity_id = await put(client, body([person()]))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    await until(lambda: parts(service).runs.watcher.fresh)
    return Polling(service, client, activity_id, UUID(run["id"]), UUID(run["jobs"][0]["id"]))


def parts(service: Service) -> Parts:
    found: Parts = service.app.state.parts
    return found


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory may be used for so long that no pause of the machine makes it too old."""
    monkeypatch.setattr("app.domain.changes.FRESH_FOR", 3.0)


@asynccontextmanager
async def reading(service: Service, engine: AsyncEngine, watching_at: str) -> AsyncIterator[RunReader]:
    """Has the service read over an engine and watch at an address, both of the same database."""
    own, reader = parts(service), RunReader(engine, watching_at)
    service.app.state.parts = replace(own, runs=reader, runtime=replace(own.runtime, engine=engine))
    try:
        async with reader.watching():
            yield reader
    finally:
        service.app.state.parts = own


async def test_a_poll_that_finds_nothing_new_asks_nobody(polling: Polling, slow_machine: None) -> None:
    """Neither does a read of what has not changed, whoever may see it."""
    other, tags = await polling.service.client("provision", "history"), await polling.tags()
    await other.get(polling.paths[0])
    with counted(polling.service) as statements:
        assert await polling.poll(tags) == [304, 304]
        assert await polling.tags() == tags
        assert (await other.get(polling.paths[1])).headers["etag"] == tags[polling.paths[1]]
    assert statements == []


async def test_a_read_is_one_round_trip(polling: Polling) -> None:
    """Counted on the wire, for a run, a job and lists; whose the job is, is known when its records are read."""
    service, address = polling.service, polling.address
    async with Wire(address).open() as wire:
        engine = connect(wire.address, pool=1)
        async with reading(service, engine, address) as reader:
            await until(lambda: reader.watcher.fresh)
            job = polling.paths[1]
            lists = (
                "/changes",
                "/jobs",
                "/activities",
                f"/activities/{polling.activity_id}",
                f"{job}/records",
                f"{job}/batches",
            )
            for path in (*polling.paths, *lists):
                await polling.client.get(job)
                if path in polling.paths:
                    reader.changed_here(polling.activity_id)
                before = wire.round_trips
                assert (await polling.client.get(path)).status_code == 200
                assert wire.round_trips - before == 1, path
        await engine.dispose()


async def test_who_may_see_it_is_answered_the_same_from_memory(polling: Polling) -> None:
    """The keys of others, of other scopes and of another organisation, and none; before the run is known and after."""
    service = polling.service
    clients = [
        await service.client("history"),
        await service.client("provision"),
        await service.client("admin"),
        await service.client("history", organisation=1),
        await service.client(),
    ]
    # A key is not enough without its scheme.
    bare = await service.client()
    bare.headers["authorization"] = polling.client.headers["authorization"].removeprefix("Bearer ")
    clients.append(bare)
    answers = []
    for path in (*polling.paths, f"/runs/{polling.job_id}", f"/jobs/{polling.run_id}"):
        for client in clients:
            parts(service).runs.changed_here(polling.activity_id)
            first = await client.get(path)
            await polling.tags()
            again = await client.get(path)
            assert again.status_code == first.status_code, path
            assert again.headers.keys() == first.headers.keys(), path
            if first.status_code == 200:
                assert again.content == first.content
            answers.append(first.status_code)
    assert answers == [200, 403, 403, 404, 401, 401] * 2 + [404, 404, 403, 404, 401, 401] * 2


async def test_a_change_by_another_process_is_seen_within_a_second(polling: Polling) -> None:
    tags = await polling.tags()
    assert await polling.poll(tags) == [304, 304]
    await polling.cancel_elsewhere()
    deadline = time.monotonic() + WITHIN
    while await polling.poll(tags) != [200, 200]:
        assert time.monotonic() < deadline


async def test_a_revoked_key_is_refused_within_a_second(polling: Polling) -> None:
    tags = await polling.tags()
    with psycopg.connect(polling.address) as conn:
        conn.execute("UPDATE api_key SET revoked_at = now()")
    deadline = time.monotonic() + WITHIN
    while await polling.poll(tags) != [401, 401]:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("change", ["cancel", "retry"])
async def test_a_change_by_this_process_is_seen_at_once(polling: Polling, change: str) -> None:
    """Also before anybody has asked, and for the run that begins when another one ends."""
    service = polling.service
    second = f"/runs/{(await polling.client.post(f'/activities/{polling.activity_id}/provision')).json()['id']}"
    if change == "retry":
        for path in (polling.paths[0], second):
            await polling.client.post(f"{path}/cancel")
    # Nobody watches here: what is known stays so for a second, if nothing is done about it.
    service.app.state.parts = replace(parts(service), runs=RunReader(service.served.engine, ""))
    tags = {path: (await polling.client.get(path)).headers["etag"] for path in (*polling.paths, second)}
    assert await polling.poll(tags) == [304, 304, 304]
    path = polling.paths[0] if change == "cancel" else second
    assert (await polling.client.post(f"{path}/{change}")).status_code == 202
    with counted(service) as statements:
        assert await polling.poll(tags) == ([200, 200, 200] if change == "cancel" else [304, 304, 200])
    assert statements


async def test_without_a_watcher_reads_ask_postgres_and_it_comes_back(polling: Polling) -> None:
    """What changed while its session was cut is seen within a second, and afterwards polls cost nothing again."""
    watcher, tags = parts(polling.service).runs.watcher, await polling.tags()
    with structlog.testing.capture_logs() as lines:
        with psycopg.connect(polling.address, autocommit=True) as conn, pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.db.watcher.open_session", refuse)
            end_watchers(conn)
            await until(lambda: not watcher.fresh)
            await polling.cancel_elsewhere()
            deadline = time.monotonic() + WITHIN
            with counted(polling.service) as statements:
                while await polling.poll(tags) != [200, 200]:
                    assert time.monotonic() < deadline
            assert statements
        await until(lambda: watcher.fresh)
    events = [line["event"] for line in lines if line["event"].endswith(("from memory", "from memory again"))]
    assert events[0] == "not answering from memory"
    assert events[-1] == "answering from memory again"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.domain.changes.FRESH_FOR", 3.0)
        tags = await polling.tags()
        with counted(polling.service) as statements:
            assert await polling.poll(tags) == [304, 304]
    assert statements == []


async def test_a_watcher_whose_network_is_dead_is_not_trusted(
    polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is refused and nothing comes: after a second reads ask Postgres, and the session is made anew."""
    monkeypatch.setattr("app.db.watcher._ANSWERS_WITHIN", 4.0)
    service = polling.service
    async with (
        Wire(polling.address).open() as wire,
        reading(service, service.runtime.engine, wire.address) as reader,
    ):
        await until(lambda: reader.watcher.fresh)
        tags = await polling.tags()
        before = wire.connections
        wire.fall_silent()
        await polling.cancel_elsewhere()
        # Long before the question that nobody answers is given up, however busy the machine is.
        deadline = time.monotonic() + 3 * WITHIN
        while await polling.poll(tags) != [200, 200]:
            assert time.monotonic() < deadline
        await until(lambda: wire.connections > before)
        await until(lambda: reader.watcher.fresh)


async def test_polls_that_go_on_are_one_question_for_all(polling: Polling, slow_machine: None) -> None:
    """Whoever polls and however often: the watcher's session asks twice a second, and no other statement goes out."""
    clients = [polling.client, await polling.service.client("history")]
    tags = await polling.tags()
    await asyncio.gather(*(client.get(path) for client in clients for path in polling.paths))
    with counted(polling.service) as statements:
        # What was read before them is older than may be used, but for the answers to that question.
        until_then = time.monotonic() + 3.5
        while time.monotonic() < until_then:
            answers = [
                await client.get(path, headers={"If-None-Match": tag})
                for client in clients
                for path, tag in tags.items()
            ]
            assert [answer.status_code for answer in answers] == [304] * 4
    assert statements == []
