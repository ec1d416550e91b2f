"""A job that is to rest while nothing can be written is kept in mind, left alone, and rests when that can be said."""

from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import connect
from app.db.faults import OurFault
from app.domain.courses import Rules
from app.jobs.calls import Calls
from app.jobs.holder import Holder
from app.jobs.meters import Meters
from app.skolverket.published import PUBLISHED
from tests.database.epochs import begin_epoch, claim
from tests.database.factories import Tenant, make_job, the_cipher


@pytest.fixture
async def away() -> AsyncIterator[AsyncEngine]:
    """A database where nobody listens."""
    engine = connect("postgresql://127.0.0.1:9/nothing", pool=1, name="tests")
    yield engine
    await engine.dispose()


async def test_a_rest_that_cannot_be_written_is_written_later(tenant: Tenant, away: AsyncEngine) -> None:
    """And the job is not taken for a forgotten one meanwhile, which would be due at once."""
    worker = uuid4()
    async with tenant.engine.begin() as conn:
        epoch = await begin_epoch(conn, worker)
    rules = Rules(timedelta(hours=1), timedelta(seconds=1))
    # A sweep asks no more of the calls than that.
    calls = cast("Calls", SimpleNamespace(services=SimpleNamespace(closed_lately=False)))
    parts: list[Any] = [PUBLISHED, rules, calls, epoch, worker, 10, 1.0, Random(1), Meters(), lambda: None]
    holder = Holder(tenant.engine, the_cipher(), *parts)
    jobs = [await make_job(tenant, "queued") for _ in range(2)]
    state = "SELECT holder = :epoch AS held, rests, rest_code FROM job WHERE id = :job"
    for job_id in jobs:
        async with tenant.engine.begin() as conn:
            held = await claim(conn, job_id, epoch=epoch)
        assert held is not None
        holder.engine = away
        await holder._rest(held, OurFault("database_full"))
        holder.engine = tenant.engine
        [row] = await tenant.rows(state, epoch=epoch, job=job_id)
        assert tuple(row.values()) == (True, 0, None)
    await holder._sweep()
    for job_id in jobs:
        [row] = await tenant.rows(state, epoch=epoch, job=job_id)
        assert tuple(row.values()) == (None, 1, "database_full")
    assert await tenant.value("SELECT bool_and(due_at > clock_timestamp()) FROM job WHERE rests = 1")
