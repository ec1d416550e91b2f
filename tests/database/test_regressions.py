"""What went wrong once: each test failed against the engine before it was mended."""

from datetime import timedelta

import pytest
from psycopg.errors import CheckViolation
from sqlalchemy.exc import IntegrityError

from app.db import answers, batches
from app.db.cipher import cipher_of
from app.errors import Stopped
from tests.database.factories import Tenant, make_batch, pupil


async def test_a_job_writes_batches_again_after_some_were_taken_back_out_of_the_middle(tenant: Tenant) -> None:
    """The second batch left before the first, the run was cancelled and tried again: numbers go on."""
    run = await tenant.new_run({"persons": [pupil(middleName="x" * 150_000) for _ in range(2)]})
    held = await tenant.claim(run.jobs[0])
    await tenant.written(held)
    second = await tenant.accepted(held)
    await run.cancel()
    async with tenant.engine.begin() as conn:
        await batches.discard_unsent(conn, held)
    await tenant.answer(held, second)
    await tenant.finish(held, "cancelled")
    await run.retry()
    assert await tenant.write(await tenant.claim(run.jobs[0])) is not None


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_a_retry_gives_no_record_up_for_faults_of_the_try_before(tenant: Tenant, end: str) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, batch_id, "timeout", timedelta())
    await tenant.do(
        "UPDATE record SET tried_for = interval '7 hours', fence = :claim WHERE job_id = :job",
        claim=held.number,
        job=held.job_id,
    )
    if end == "cancelled":
        await run.cancel()
    await tenant.finish(held, end)
    await run.retry()
    again = await tenant.claim(run.jobs[0])
    await tenant.answer(again, await tenant.accepted(again), dict.fromkeys(await run.objects(1), "pending"))
    assert await tenant.rows("SELECT tried_for FROM record WHERE status = 'error'") == []


async def test_a_batch_keeps_its_size(tenant: Tenant) -> None:
    held, batch_id = await make_batch(tenant, "called")
    with pytest.raises(IntegrityError) as refusal:
        await tenant.do(
            "UPDATE batch SET request_bytes = 5, fence = :claim WHERE id = :batch", claim=held.number, batch=batch_id
        )
    assert isinstance(refusal.value.orig, CheckViolation)
    assert refusal.value.orig.diag.constraint_name == "batch_identity"


def test_a_key_with_foreign_letters_stops_the_process() -> None:
    with pytest.raises(Stopped):
        cipher_of("k1:åäö")
