"""Every time is the database's own: a process whose clock is hours off writes none of it down."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import activity_queue, answers, batches, circuits, claims, egress, idempotency, workers
from app.db.engine import close
from app.domain.circuit import Circuit
from app.domain.verdicts import RecordChange
from app.skolverket.published import PUBLISHED
from tests.database.epochs import begin_epoch, claim
from tests.database.factories import MINUTE, Tenant, change_records, engine_of, make_run, pupil
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
    await close(engine)


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
        await answers.refuse_batch(conn, tenant.cipher, held, refused, 413, b"[]", {}, PUBLISHED.codes)
        await answers.accept_batch(conn, held, answered, 202, "7", MINUTE)
        await answers.postpone_poll(conn, held, answered, MINUTE)
        await claims.note_fault(conn, held, {"code": "timeout"})
        await batches.expire(conn, held)
        await claims.snooze(conn, held, MINUTE)
    async with turned.begin() as conn:
        await activity_queue.start_free_queues(conn)
        epoch = await begin_epoch(conn, egress="here")
        await egress.note_pause(conn, "here", "calls", MINUTE)
        await egress.close_epoch(conn, epoch)
        await circuits.note_circuit(conn, "here", "provisioning", Circuit(7, 2.5, "timeout", 2.5, 3.0), 2.5)
        used, kept = idempotency.Used(tenant.key_id, bytes(32), bytes(32)), idempotency.Stored(uuid4(), "{}")
        await idempotency.keep(conn, tenant.cipher, used, kept)
        assert await idempotency.find(conn, tenant.cipher, used) == kept
        await workers.note_worker(conn, uuid4(), "tests", workers.Tally())

    assert _outside(database_url, begin) == []


async def test_what_lies_too_far_ahead_is_brought_near_once(turned: AsyncEngine) -> None:
    """After a clock that was set back: a job with its batch and its records, a suspect, and one that nobody has had."""
    tenant = await Tenant.make(turned)
    run, queued, held_now = [await tenant.new_run() for _ in range(3)]
    held, suspect = await tenant.claim(run.jobs[0]), (await tenant.new_run()).jobs[0]
    record_id = UUID((await run.objects(1))[0])
    async with turned.begin() as conn:
        await change_records(conn, held, [RecordChange(record_id, "pending", again_in=4 * MINUTE)])
    batch_id = await tenant.accepted(held)
    async with turned.begin() as conn:
        await answers.postpone_poll(conn, held, batch_id, timedelta(seconds=15))
        await claims.snooze(conn, held, 4 * MINUTE)
    await tenant.do("UPDATE job SET worker_deaths = 2, due_at = due_at + interval '19 min' WHERE id = :id", id=suspect)
    await tenant.claim(held_now.jobs[0])
    near = await tenant.dump()
    assert await tenant.value("SELECT bring_near()") == 0
    assert await tenant.dump() == near
    await tenant.do(FORWARD, by=-timedelta(hours=3))
    await tenant.do("SELECT bring_near()")
    ahead = "extract(epoch FROM %s - clock_timestamp())::int FROM %s WHERE %s"
    assert await tenant.value(f"SELECT {ahead % ('next_poll_at', 'batch', 'true')}") == 20
    assert await tenant.value(f"SELECT {ahead % ('due_at', 'record', 'due_at IS NOT NULL')}") == 300
    rows = await tenant.rows(
        "SELECT id, round(extract(epoch FROM due_at - clock_timestamp()) / 60)::int AS min FROM job"
        " WHERE status IN ('queued', 'running') AND holder IS NULL"
    )
    assert {row["id"]: row["min"] for row in rows} == {run.jobs[0]: 5, queued.jobs[0]: 5, suspect: 20}
    # Once: the bound does not move on with the clock.
    await tenant.do(FORWARD, by=4 * MINUTE)
    assert await tenant.value("SELECT bring_near()") == 0
    await tenant.do(FORWARD, by=MINUTE)
    assert (await tenant.claim(run.jobs[0])).job_id == run.jobs[0]


async def test_a_pause_is_no_longer_than_any_for_a_successor(turned: AsyncEngine) -> None:
    tenant = await Tenant.make(turned)
    async with turned.begin() as conn:
        await begin_epoch(conn, egress="here")
        await egress.note_pause(conn, "here", "calls", 4 * MINUTE)
    await tenant.do(FORWARD, by=-timedelta(hours=3))
    async with turned.begin() as conn:
        assert (await egress.pauses(conn, "here")).calls == 5 * MINUTE
        await claims.bring_near(conn)
    await tenant.do(FORWARD, by=5 * MINUTE)
    async with turned.begin() as conn:
        assert (await egress.pauses(conn, "here")).calls == timedelta()


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
