"""What callers see while Postgres is away, or has not been migrated."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog
from sqlalchemy.engine import make_url

from app.api.readiness import Readiness
from app.db import reads
from app.db.engine import connect
from tests.api.conftest import Service
from tests.api.guards import ALL_SCOPES, assert_problem, fill, request, routes


@asynccontextmanager
async def over(service: Service, database: str) -> AsyncIterator[None]:
    """Lets the service go on over another database."""
    own = service.app.state.parts
    url = make_url(service.runtime.settings.database_url.get_secret_value()).set(database=database)
    engine = connect(url.render_as_string(hide_password=False))
    runtime = replace(own.runtime, engine=engine, checks=engine)
    service.app.state.parts = replace(
        own, runtime=runtime, reading=reads.snapshots(engine), readiness=Readiness(runtime)
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
    """With a time to come back at, without details, and with one log line."""
    client = await service.client(*ALL_SCOPES)
    async with over(service, database):
        for method, path in routes(service):
            with structlog.testing.capture_logs() as lines:
                answer = await request(client, method, fill(path, ids))
            shown = assert_problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
            assert shown["detail"] == "The database cannot be used at the moment."
            assert [line["event"] for line in lines] == ["database unavailable"], path


async def test_health_says_so_and_the_figures_still_come(service: Service, database: str) -> None:
    client = await service.client()
    async with over(service, database):
        shown = assert_problem(await client.get("/readyz"), 503)
        assert shown["checks"]["postgres" if database == "nothing" else "migrations"] != "ok"
        assert (await client.get("/healthz")).status_code == 200
        assert "provkedja_database_up 0.0" in (await client.get("/metrics")).text
