"""A job that is to stop at so many errors: nothing leaves after them, whatever has been written down already."""

import json

import pytest

from app.db import batches, runs
from app.domain.batching import encode
from app.skolverket.published import BODY_FORM, PUBLISHED
from tests.database.factories import Object, Run, Tenant, duty, pupil


def _large() -> Object:
    """Invents a pupil who fills a call alone."""
    return pupil(middleName="x" * (BODY_FORM.max_bytes // 2))


async def _run(tenant: Tenant, persons: list[Object], stop_at: int, policy: str = "continue") -> Run:
    activity_id = await tenant.store({"persons": persons, "duties": [duty(persons[-1])]})
    run = await tenant.accept(activity_id, policy, stop_at_errors={"persons": stop_at})
    numbers = "SELECT stop_at_errors FROM job WHERE run_id = :run ORDER BY position"
    assert [row["stop_at_errors"] for row in await tenant.rows(numbers, run=run.id)] == [stop_at, None, None, None]
    return run


async def test_a_batch_that_was_written_before_the_last_error_does_not_leave_after_it(tenant: Tenant) -> None:
    first, second = _large(), _large()
    assert len(encode(first)) + len(encode(second)) > BODY_FORM.max_bytes
    run = await _run(tenant, [first, second], 1)
    held = await tenant.claim(run.jobs[0])
    called, written = await tenant.accepted(held), await tenant.written(held)
    await tenant.answer(held, called, {first["id"]: "error"})
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, written.id) is None
    assert await tenant.value("SELECT count(*) FROM batch WHERE called_at IS NOT NULL") == 1


@pytest.mark.parametrize("policy", ["halt", "continue"])
async def test_with_enough_errors_a_job_fails_and_what_is_left_stays_pending(tenant: Tenant, policy: str) -> None:
    """The one that breaks the published schema ends first, and is enough: nobody is sent, and the chain ends here."""
    run = await _run(tenant, [pupil(enrolments="x"), pupil(), pupil()], 1, policy)
    await tenant.play(run.jobs[0])
    assert (await run.status(), await run.statuses()) == ("failed", ["failed", "blocked", "blocked", "blocked"])
    [job] = await tenant.rows("SELECT error, pending, errors FROM job WHERE id = :job", job=run.jobs[0])
    assert (job["error"]["code"], job["pending"], job["errors"]) == ("too_many_errors", 2, 1)
    assert await tenant.value("SELECT count(*) FROM batch") == 0


async def test_with_one_error_fewer_all_is_tried(tenant: Tenant) -> None:
    run = await _run(tenant, [pupil(enrolments="x"), pupil(), pupil()], 2)
    await tenant.play(run.jobs[0])
    assert (await run.statuses())[0] == "succeeded"


async def test_a_retry_stops_as_before_unless_it_says_otherwise(tenant: Tenant) -> None:
    """Of the stages that go on: what has succeeded stays as it is."""
    failing = pupil()
    run = await _run(tenant, [failing], 1)
    await tenant.play(run.jobs[0], {failing["id"]: "error"})
    assert (await run.statuses())[0] == "failed"
    await run.retry()
    await tenant.play(run.jobs[0], {failing["id"]: "error"})
    assert (await run.statuses())[0] == "failed"
    async with tenant.engine.begin() as conn:
        await runs.retry_run(conn, tenant.organisation_id, run.id, None, stop_at_errors={"duties": 7})
    await tenant.play(run.jobs[0], {failing["id"]: "error"})
    assert (await run.statuses())[0] == "succeeded"
    seen = await tenant.value(
        "SELECT json_agg(stop_at_errors ORDER BY position)::text FROM job WHERE run_id = :run", run=run.id
    )
    assert json.loads(seen) == [None, 7, None, None]
