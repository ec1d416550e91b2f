"""Batches whose mark as called is undone: afterwards their records are as if they had never been taken."""

from datetime import timedelta

from app.db import answers, batches
from app.skolverket.published import PUBLISHED
from tests.database.factories import Tenant

_RECORDS = (
    "SELECT object_id, status, attempts, sent, batch_id, due_at, failed_at, issues"
    " FROM record ORDER BY ordinal, object_id"
)


async def test_what_is_taken_back_is_as_it_was(tenant: Tenant) -> None:
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    before = await tenant.rows(_RECORDS)
    await tenant.written(held)
    assert await tenant.rows(_RECORDS) != before
    async with tenant.engine.begin() as conn:
        await batches.discard_unsent(conn, held)
    assert await tenant.rows(_RECORDS) == before
    assert await tenant.rows("SELECT id FROM batch") == []


async def test_a_batch_that_was_noted_and_stayed_leaves_later_as_it_stands(tenant: Tenant) -> None:
    """No fault and no second batch come of it: nothing has been sent."""
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    out = await tenant.written(held)
    batch, before = await tenant.rows("SELECT * FROM batch"), await tenant.rows(_RECORDS)
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id) == out
        await batches.unmark_called(conn, held, out.id)
    assert (await tenant.rows("SELECT * FROM batch"), await tenant.rows(_RECORDS)) == (batch, before)
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id) == out


async def test_what_has_left_is_not_taken_back(tenant: Tenant) -> None:
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    accepted = await tenant.accepted(held)
    async with tenant.engine.begin() as conn:
        await batches.unmark_called(conn, held, accepted)
    assert await tenant.value("SELECT status FROM batch") == "accepted"


async def test_what_is_dropped_after_an_earlier_sending_keeps_what_was_sent(tenant: Tenant) -> None:
    """The history of a record goes back to the batch in which it left last."""
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    left = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, left, "timeout", timedelta())
    await tenant.written(held)
    async with tenant.engine.begin() as conn:
        await batches.discard_unsent(conn, held)
    rows = await tenant.rows("SELECT * FROM record WHERE job_id = :job", job=held.job_id)
    assert {(row["status"], row["attempts"], row["batch_id"]) for row in rows} == {("pending", 1, left)}
    assert all(row["sent"] for row in rows)


async def test_of_a_cancelled_job_what_has_not_left_is_dropped_when_it_is_looked_at(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.written(held)
    await run.cancel()
    async with tenant.engine.begin() as conn:
        seen = await batches.open_job(conn, held)
    assert (seen.cancelled, list(seen.batches), seen.counts.pending > 0) == (True, [], True)
