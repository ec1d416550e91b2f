"""What callers see while Postgres is away, or has not been migrated."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
import redis
import sqlalchemy as sa
import structlog
import uvicorn
from psycopg import errors
from sqlalchemy.engine import make_url

from app.api.polling.run_reader import RunReader
from app.api.readiness import Readiness
from app.db import reads
from app.db.engine import connect
from app.db.workers import Tally, note_worker
from app.server.connections import configured
from tests.api.conftest import Service
from tests.api.factories import body, person, put
from tests.api.guards import ALL_SCOPES, assert_problem, fill, request, routes
from tests.api.observing import until
from tests.api.test_departures import locked, waiting


@asynccontextmanager
async def over(service: Service, database: str) -> AsyncIterator[None]:
    """Lets the service go on over another database."""
    own = service.app.state.parts
    url = make_url(service.runtime.settings.database_url.get_secret_value()).set(database=database)
    address = url.render_as_string(hide_password=False)
    engine = connect(address)
    runtime = replace(own.runtime, engine=engine, checks=engine)
    service.app.state.parts = replace(
        own,
        runtime=runtime,
        reading=reads.snapshots(engine),
        readiness=Readiness(runtime),
        runs=RunReader(engine, address),
    )
    try:
        yield
    finally:
        service.app.state.parts = own
        await engine.dispose()


@pytest.fixture(params=["away", "not migrated"])
def database(request: pytest.FixtureRequest, empty_database_url: str) -> str:
    return "nothing" if request.param == "away" else str(make_url(empty_database_url).database)


async def test_every_route_is_503(service: Service, ids: dict[str, str], database: str) -> None:
    """With a time to come back at, without details, and with one log line about it that has the request's id."""
    client = await service.client(*ALL_SCOPES)
    async with over(service, database):
        for method, path in routes(service):
            with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
                answer = await request(client, method, fill(path, ids))
            shown = assert_problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
            assert shown["detail"] == "The database cannot be used at the moment."
            assert [line["event"] for line in lines] == ["database unavailable", "request"], path
            assert {f"urn:uuid:{line['request_id']}" for line in lines} == {shown["instance"]}, path


async def test_health_says_so_and_the_figures_still_come(service: Service, database: str) -> None:
    client = await service.client()
    async with over(service, database):
        shown = assert_problem(await client.get("/readyz"), 503)
        assert shown["checks"]["postgres" if database == "nothing" else "migrations"] != "ok"
        assert (await client.get("/healthz")).status_code == 200
        assert "provkedja_database_up 0.0" in await service.figures()


async def test_a_database_that_only_reads_is_503_for_what_writes(service: Service, ids: dict[str, str]) -> None:
    """With a time to come back at; what only reads goes on, and the service is not ready."""
    client = await service.client(*ALL_SCOPES)
    name = make_url(service.runtime.settings.database_url.get_secret_value()).database
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    await service.served.engine.dispose()
    await service.served.checks.dispose()
    with structlog.testing.capture_logs() as lines:
        writing = await client.post(f"/runs/{ids['run_id']}/cancel")
        roster = await client.put(f"/activities/{uuid4()}", json=body([person()]))
    for answer in (writing, roster):
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    assert [line["event"] for line in lines if line["event"] != "request"] == ["database unavailable"] * 2
    assert (await client.get(f"/runs/{ids['run_id']}")).status_code == 200
    shown = assert_problem(await client.get("/readyz"), 503)
    assert shown["checks"]["postgres"] == "cannot be used (database_read_only)"


@pytest.mark.parametrize("error", [errors.ReadOnlySqlTransaction, errors.FeatureNotSupported, errors.AdminShutdown])
async def test_what_a_standby_or_an_end_raises_is_503(
    service: Service, ids: dict[str, str], error: type[psycopg.Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrapped by SQLAlchemy, or as the driver raises it."""
    client = await service.client(*ALL_SCOPES)
    for raised in (error("x"), sa.exc.DBAPIError.instance("", {}, error("x"), psycopg.Error)):

        def fails(*_: object, raised: BaseException = raised) -> None:
            raise raised

        with monkeypatch.context() as patch:
            patch.setattr("app.db.reads.find_run_with_jobs", fails)
            assert_problem(await client.get(f"/runs/{ids['run_id']}"), 503)


async def test_readiness_needs_no_connection_of_the_callers(service: Service) -> None:
    """With each of them in use it still answers, and so it does to many at once."""
    client = await service.client()
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(service.runtime.engine.connect())
        answers = await asyncio.gather(*(client.get("/readyz") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}


async def test_without_a_worker_or_the_wake_ups_write_it_is_degraded(service: Service) -> None:
    """A worker that was killed counts for ten seconds; a Redis that is full takes no wake-ups."""
    client, worker = await service.client(), uuid4()

    async def checks() -> dict[str, str]:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["status"] == ("ok" if set(answer.json()["checks"].values()) == {"ok"} else "degraded")
        return dict(answer.json()["checks"])

    assert (await checks())["worker"].startswith("none has been heard of for 10 s")
    async with service.runtime.engine.begin() as conn:
        await note_worker(conn, worker, "test", Tally())
    assert (await checks())["worker"] == "ok"
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE worker SET seen_at = seen_at - interval '10 s'"))
    assert (await checks())["worker"] != "ok"
    with redis.Redis.from_url(service.runtime.settings.redis_url.get_secret_value()) as other:
        other.config_set("maxmemory", 1)
        try:
            assert (await checks())["redis"] == "away"
        finally:
            other.config_set("maxmemory", 0)
    assert (await checks())["redis"] == "ok"


async def test_what_a_process_that_ends_has_not_answered_is_503(service: Service) -> None:
    """Once it has waited for as long as it does: the caller is to ask again, and nothing is wrong here."""
    client = await service.client("history", "provision")
    activity_id = await put(client, body([person()]))
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        ending = uvicorn.Server(configured(service.app, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(ending.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/activities/{activity_id}/provision"
        async with locked(service, "job") as looking:
            asking = asyncio.create_task(client.post(address))
            await until(lambda: waiting(looking) == 1)
            ending.should_exit = True
            answer = await asking
        await serving
    assert assert_problem(answer, 503)["type"].endswith("/restarting")
    assert int(answer.headers["retry-after"]) > 0
