"""Event streams: a run as it is, then its changes, for as long as there is somebody who may see them."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import httpx
import psycopg
import pytest
import sqlalchemy as sa

from app.settings import Settings
from tests.api.conftest import Service
from tests.api.factories import body, person, put
from tests.api.observing import cancelled_elsewhere, counted, end_watchers, refuse, until
from tests.conftest import Spawn


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision")


@pytest.fixture
async def run_id(client: httpx.AsyncClient) -> UUID:
    activity_id = await put(client, body([person()]))
    return UUID((await client.post(f"/activities/{activity_id}/provision")).json()["id"])


@asynccontextmanager
async def following(client: httpx.AsyncClient, run_id: UUID) -> AsyncIterator[AsyncIterator[str]]:
    """Opens a stream, and gives the statuses that it tells of, and `close`."""
    async with asyncio.timeout(20), client.stream("GET", f"/runs/{run_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")

        async def statuses() -> AsyncIterator[str]:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:")).get("status", "close")

        yield statuses()


async def test_a_stream_begins_with_the_run_and_ends_with_it(
    client: httpx.AsyncClient, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot, then each change, and the stream closes when the run is finished."""
    monkeypatch.setattr("app.api.event_streams._POLL_SECONDS", 0.02)
    async with following(client, run_id) as statuses:
        assert await anext(statuses) == "running"
        await client.post(f"/runs/{run_id}/cancel")
        assert [status async for status in statuses] == ["cancelled", "close"]


async def test_streams_that_wait_ask_nobody_and_a_change_is_read_once_for_all(
    service: Service, client: httpx.AsyncClient, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty of one run: none of them polls Postgres, and what another process changes reaches them all."""
    monkeypatch.setattr("app.api.event_streams._POLL_SECONDS", 0.02)
    # No pause of the machine makes what is in memory too old.
    monkeypatch.setattr("app.domain.changes.FRESH_FOR", 3.0)
    runs = service.app.state.parts.runs
    await until(lambda: runs.watcher.fresh)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(following(client, run_id)) for _ in range(50)]
        assert [await anext(statuses) for statuses in streams] == ["running"] * 50
        with counted(service) as statements:
            await asyncio.sleep(0.5)
            assert statements == []
            await cancelled_elsewhere(service, run_id)
            assert [[status async for status in statuses] for statuses in streams] == [["cancelled", "close"]] * 50
        assert len(statements) == 1
    assert not runs.followers._followers


async def test_a_stream_polls_when_the_watcher_has_no_answers(
    service: Service, client: httpx.AsyncClient, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from the moment at which there are none any longer."""
    monkeypatch.setattr("app.api.event_streams._POLL_SECONDS", 0.02)
    runs = service.app.state.parts.runs
    await until(lambda: runs.watcher.fresh)
    async with following(client, run_id) as statuses:
        assert await anext(statuses) == "running"
        monkeypatch.setattr("app.db.watcher.open_session", refuse)
        with psycopg.connect(service.runtime.settings.database_url.get_secret_value(), autocommit=True) as conn:
            end_watchers(conn)
        await until(lambda: not runs.watcher.fresh)
        await cancelled_elsewhere(service, run_id)
        assert [status async for status in statuses] == ["cancelled", "close"]


async def test_a_stream_whose_reader_has_gone_leaves_nothing(
    service: Service, client: httpx.AsyncClient, run_id: UUID
) -> None:
    followers = service.app.state.parts.runs.followers
    async with following(client, run_id) as statuses:
        await anext(statuses)
        assert len(followers._followers) == 1
    await until(lambda: not followers._followers)


async def test_what_a_stream_sends_is_what_get_answers(service: Service, run_id: UUID) -> None:
    """To the byte, and the jobs in it as they are answered and listed alone."""
    client = await service.client("history")
    async with asyncio.timeout(20), client.stream("GET", f"/runs/{run_id}/events") as stream:
        lines = stream.aiter_lines()
        sent = [await anext(lines) for _ in range(5)]
    answered = await client.get(f"/runs/{run_id}", headers={"Accept-Encoding": "identity"})
    tag = answered.headers["etag"].strip('"')
    assert sent == ["retry: 2000", "", "event: run", f"data: {answered.text}", f"id: {tag}"]
    jobs = answered.json()["jobs"]
    assert [(await client.get(f"/jobs/{job['id']}")).json() for job in jobs] == jobs
    assert (await client.get("/jobs", params={"run_id": str(run_id)})).json()["data"] == jobs


async def test_a_stream_ends_when_its_key_is_revoked(
    service: Service, client: httpx.AsyncClient, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told from then on, not even the end of the run."""
    monkeypatch.setattr("app.api.event_streams._POLL_SECONDS", 0.02)
    other = await service.client("history")
    async with following(other, run_id) as statuses:
        assert await anext(statuses) == "running"
        async with service.runtime.engine.begin() as conn:
            await conn.execute(
                sa.text("UPDATE api_key SET revoked_at = now() WHERE handle = :handle"),
                {"handle": other.headers["authorization"].split("_")[1]},
            )
        assert [status async for status in statuses] == []


async def test_streams_end_when_the_process_is_told_to_stop(
    service: Service, client: httpx.AsyncClient, run_id: UUID, settings: Settings, spawn: Spawn
) -> None:
    """SIGTERM closes them as if they were at their end, and nothing has to be cut off."""
    names = ("database_url", "redis_url", "encryption_keys")
    child = spawn(
        *("serve", "--port", "0"), env={name.upper(): getattr(settings, name).get_secret_value() for name in names}
    )
    headers = {"Authorization": client.headers["authorization"]}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{child.port}", headers=headers, verify=False) as caller,
        following(caller, run_id) as statuses,
    ):
        assert await anext(statuses) == "running"
        child.process.send_signal(signal.SIGTERM)
        assert [status async for status in statuses] == []
    # An end that had to be forced would take 20 s, and break the stream off.
    assert child.process.wait(15) == 0
    lines = [json.loads(line) for line in child.log.read_text().splitlines()]
    assert {line["level"] for line in lines} == {"info"}
