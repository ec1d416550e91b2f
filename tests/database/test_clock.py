"""Every time is the database's own: a process whose clock is hours off writes none of it down."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import activity_queue, answers, at_target, circuits, claims, egress, idempotency, workers
from app.domain.circuit import Circuit
from tests.database.epochs import begin_epoch, claim
from tests.database.factories import MINUTE, Tenant, engine_of, make_run, pupil
from tests.database.virtual_time import FORWARD, virtualise

# So far the database's clock is from the one of this process; and so far ahead anything may be planned.
_OFF = [timedelta(hours=-9), timedelta(hours=9)]
_AHEAD = timedelta(minutes=20)


@pytest.fixture(params=_OFF, ids=["a clock that is ahead", "a clock that is behind"])
async def turned(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[AsyncEngine]:
    """A database whose clock is far from ours."""
    virtualise(database_url)
    engine = engine_of(database_url)
    async with engine.begin() as conn:
        await conn.execute(sa.text(FORWARD), {"by": request.param})
    yield engine
    await engine.dispose()


def _outside(url: str, begin: Any) -> list[str]:
    """Names the columns with a time from before the beginning, or later than anything is planned."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'"
        ).fetchall()
        found = []
        for table, column in sorted(columns):
            query = (
                f"SELECT EXISTS (SELECT FROM {table} WHERE isfinite({column}) AND {column}"
                " NOT BETWEEN %s AND clock_timestamp() + %s)"
            )
            wrong = connection.execute(query.encode(), (begin, _AHEAD)).fetchone()
            if wrong == (True,):
                found.append(f"{table}.{column}")
    return found


async def test_whatever_is_written_has_the_databases_time(turned: AsyncEngine, database_url: str) -> None:
    """Runs that succeed, fail, are cancelled and tried again, a batch of each end, and what all workers share."""
    async with turned.connect() as conn:
        begin = await claims.database_time(conn)
    tenant = await Tenant.make(turned)
    for state in ("queued", "succeeded", "failed", "cancelled"):
        run = await make_run(tenant, state)
        if state in {"failed", "cancelled"}:
            await run.retry()

    run = await tenant.new_run({"persons": [pupil(givenName=letter * 120_000) for letter in "abcde"]})
    held = await tenant.claim(run.jobs[0])
    lost, put_off, refused, answered = [await tenant.called(held) for _ in range(4)]
    async with turned.begin() as conn:
        await answers.mark_lost(conn, held, lost, "timeout", MINUTE)
        await answers.requeue_batch(conn, tenant.cipher, held, put_off, 503, b"[]", MINUTE)
        await answers.refuse_batch(conn, tenant.cipher, held, refused, 413, b"[]", {})
        await answers.accept_batch(conn, held, answered, 202, "7", MINUTE)
        await answers.postpone_poll(conn, held, answered, MINUTE)
        await claims.note_fault(conn, held, {"code": "timeout"})
        await at_target.assume_nothing_at_target(conn, held)
        await claims.snooze(conn, held, MINUTE)
    async with turned.begin() as conn:
        await activity_queue.start_free_queues(conn)
        epoch = await begin_epoch(conn, egress="here")
        await egress.note_pause(conn, "here", "calls", MINUTE)
        await egress.close_epoch(conn, epoch)
        await circuits.note_circuit(conn, "here", "provisioning", Circuit(7, 2.5, "timeout", 2.5, 3.0), 2.5)
        kept = idempotency.Stored(202, {}, "{}")
        await idempotency.keep(conn, tenant.organisation_id, "k", b"d", kept)
        assert await idempotency.find(conn, tenant.organisation_id, "k", b"d") == kept
        await workers.note_worker(conn, uuid4(), "tests", workers.Tally())

    assert _outside(database_url, begin) == []


async def test_a_job_that_rests_is_due_when_the_databases_clock_says_so(turned: AsyncEngine) -> None:
    tenant = await Tenant.make(turned)
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    async with turned.begin() as conn:
        await claims.snooze(conn, held, MINUTE)
    for passed, is_due in ((MINUTE - timedelta(seconds=1), False), (timedelta(seconds=1), True)):
        await tenant.do(FORWARD, by=passed)
        async with turned.begin() as conn:
            found = await claim(conn, held.job_id)
        assert (found is not None) == is_due
