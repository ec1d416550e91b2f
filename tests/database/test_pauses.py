"""A pause: nothing new leaves, what is out is followed to its answer, and all goes on when it ends."""

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from app.db import activity_queue, answers, batches, claims
from app.domain.conclusion import Hold
from app.errors import NotFound
from app.jobs.transactions import settle
from app.skolverket.published import PUBLISHED
from tests.database.factories import Run, Tenant, make_run, pupil


async def _hold(tenant: Tenant, held: claims.Claim) -> list[activity_queue.WakeUp]:
    async with tenant.engine.begin() as conn:
        return [*(await settle(conn, held, Hold())).wake_ups]


async def _mark(tenant: Tenant, held: claims.Claim, out: batches.Outgoing) -> bool:
    async with tenant.engine.begin() as conn:
        return await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id) is not None


async def _seen(run: Run) -> tuple[str, list[str]]:
    return await run.status(), await run.statuses()


HELD = ("held", ["held", "waiting", "waiting", "waiting"])


async def test_what_is_due_is_held_at_once_and_due_again_when_the_pause_ends(tenant: Tenant) -> None:
    run = await tenant.new_run()
    assert await tenant.pause(run.activity_id) == []
    assert await _seen(run) == HELD
    async with tenant.engine.begin() as conn:
        assert not await claims.claim_jobs(conn, uuid4(), 10, [run.jobs[0]])
    [wake_up] = await tenant.resume(run.activity_id)
    assert wake_up.job_id == run.jobs[0]
    for job_id in run.jobs:
        await tenant.play(job_id)
    assert await run.status() == "succeeded"


async def test_a_running_job_is_told_and_held_as_soon_as_nothing_is_out(tenant: Tenant) -> None:
    """What was marked may leave, and its answer is stored; what was written does not leave, nor is more written."""
    run = await tenant.new_run({"persons": [pupil(), pupil(), pupil()]})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    [wake_up] = await tenant.pause(run.activity_id)
    assert wake_up.job_id == run.jobs[0]
    assert await run.status() == "running"
    async with tenant.engine.begin() as conn:
        seen = await answers.requeue_batch(conn, tenant.cipher, held, batch_id, 503, b"[]", timedelta())
    assert seen.paused
    assert await tenant.write(held) is None
    assert await _hold(tenant, held) == []
    assert await _seen(run) == HELD
    rows = await tenant.rows("SELECT to_status FROM event WHERE job_id = :job ORDER BY id", job=run.jobs[0])
    assert [row["to_status"] for row in rows][-2:] == ["queued", "held"]


async def test_a_written_batch_is_not_called_and_is_discarded(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    out = await tenant.written(held)
    await tenant.pause(run.activity_id)
    assert not await _mark(tenant, held, out)
    await _hold(tenant, held)
    assert await tenant.value("SELECT count(*) FROM batch WHERE job_id = :job", job=run.jobs[0]) == 0
    assert await tenant.value("SELECT pending = total FROM job WHERE id = :job", job=run.jobs[0])


async def test_the_stage_after_one_that_ends_in_a_pause_is_held(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    await tenant.pause(run.activity_id)
    await tenant.answer(held, batch_id)
    assert await tenant.finish(held) == []
    assert await _seen(run) == ("held", ["succeeded", "held", "waiting", "waiting"])


async def test_a_pause_that_ends_before_its_job_is_held_leaves_it_due(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.pause(run.activity_id)
    await tenant.resume(run.activity_id)
    [wake_up] = await _hold(tenant, held)
    assert (wake_up.job_id, wake_up.delay) == (run.jobs[0], 0)
    assert await run.status() == "running"


@pytest.mark.parametrize("knew", [True, False])
async def test_who_lets_go_without_knowing_of_a_pause_is_due_at_once(tenant: Tenant, knew: bool) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.pause(run.activity_id)
    async with tenant.engine.begin() as conn:
        wake_up = await claims.snooze(conn, held, timedelta(minutes=5), paused=knew)
    assert wake_up.delay == (300 if knew else 0)


async def test_a_run_that_comes_in_a_pause_is_held_and_the_next_waits_behind_it(tenant: Tenant) -> None:
    activity = await tenant.store()
    await tenant.pause(activity)
    first, second = await tenant.accept(activity), await tenant.accept(activity)
    assert first.wake_ups == ()
    assert await _seen(first) == HELD
    assert await second.status() == "queued"
    async with tenant.engine.begin() as conn:
        assert await activity_queue.start_free_queues(conn) == []
    assert await first.cancel() == []
    assert [await first.status(), await second.status()] == ["cancelled", "held"]
    [wake_up] = await tenant.resume(activity)
    assert wake_up.job_id == second.jobs[0]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_a_retry_in_a_pause_is_held(tenant: Tenant, state: str) -> None:
    run = await make_run(tenant, state)
    await tenant.pause()
    assert await run.retry() == []
    assert await run.status() == "held"


async def test_a_held_run_is_cancelled_at_once(tenant: Tenant) -> None:
    run = await make_run(tenant, "held")
    await run.cancel()
    assert await _seen(run) == ("cancelled", ["cancelled"] * 4)


async def test_a_pause_of_the_organisation_holds_every_activity_and_no_other_organisations(tenant: Tenant) -> None:
    ours, other = [await tenant.new_run(), await tenant.new_run()], await Tenant.make(tenant.engine)
    theirs = await other.new_run()
    await tenant.pause()
    assert [await run.status() for run in [*ours, theirs]] == ["held", "held", "running"]
    later = await tenant.new_run()
    assert await later.status() == "held"
    assert {each.job_id for each in await tenant.resume()} == {run.jobs[0] for run in [*ours, later]}


async def test_a_run_goes_on_when_no_pause_keeps_it_any_more(tenant: Tenant) -> None:
    """What is shown of it is the pause that is left."""
    run = await tenant.new_run()
    await tenant.pause(run.activity_id, by="organisation", reason="Lov")
    await tenant.pause(reason="Underhåll")
    kept_by = "SELECT by FROM run JOIN pause ON pause.id = run.pause_id WHERE run.id = :run"
    version = "SELECT version FROM run WHERE id = :run"
    before = await tenant.value(version, run=run.id)
    assert await tenant.value(kept_by, run=run.id) == "operator"
    assert await tenant.resume() == []
    assert await tenant.value(kept_by, run=run.id) == "organisation"
    assert await tenant.value(version, run=run.id) > before
    assert len(await tenant.resume(run.activity_id, by="organisation")) == 1


async def test_an_organisation_does_not_end_an_operators_pause_and_an_operator_ends_both(tenant: Tenant) -> None:
    run = await tenant.new_run()
    await tenant.pause(run.activity_id)
    await tenant.pause(run.activity_id, by="organisation")
    assert await tenant.resume(run.activity_id, by="organisation") == []
    assert await run.status() == "held"
    await tenant.pause(run.activity_id, by="organisation")
    assert len(await tenant.resume(run.activity_id)) == 1
    assert await tenant.value("SELECT count(*) FROM pause WHERE ended_at IS NULL") == 0


async def test_pausing_and_resuming_twice_is_once(tenant: Tenant) -> None:
    run = await tenant.new_run()
    await tenant.pause(run.activity_id, reason="Underhåll")
    await tenant.pause(run.activity_id, reason="Annat")
    assert await tenant.rows("SELECT reason FROM pause") == [{"reason": "Underhåll"}]
    await tenant.resume(run.activity_id)
    assert await tenant.resume(run.activity_id) == []


async def test_of_another_organisations_activity_nothing_is_known(tenant: Tenant) -> None:
    foreign = (await (await Tenant.make(tenant.engine)).new_run()).activity_id
    with pytest.raises(NotFound):
        await tenant.pause(foreign)
    with pytest.raises(NotFound):
        await tenant.resume(foreign)


async def test_the_time_for_which_a_job_is_held_counts_as_no_trying(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    async with tenant.engine.begin() as conn:
        await claims.note_fault(conn, held, {"code": "timeout"})
    await tenant.pause(run.activity_id)
    await _hold(tenant, held)
    # It has been held for three hours.
    await tenant.do("UPDATE job SET failed_at = failed_at - interval '3 h' WHERE id = :job", job=run.jobs[0])
    await tenant.resume(run.activity_id)
    again = await tenant.claim(run.jobs[0])
    async with tenant.engine.begin() as conn:
        seen = await claims.note_fault(conn, again, {"code": "timeout"})
    assert seen.tried_for <= timedelta(seconds=30)


@pytest.mark.parametrize(
    "change",
    ["reason = 'Annat'", "organisation_id = gen_random_uuid()", "ended_at = NULL, ended_by = NULL", "by = 'operator'"],
)
async def test_a_pause_is_history(tenant: Tenant, change: str) -> None:
    run = await tenant.new_run()
    await tenant.pause(run.activity_id, by="organisation")
    await tenant.resume(run.activity_id, by="organisation")
    with pytest.raises(sa.exc.IntegrityError, match="pause"):
        await tenant.do(f"UPDATE pause SET {change}")
    with pytest.raises(sa.exc.IntegrityError, match="history"):
        await tenant.do("DELETE FROM pause")


@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        (
            "UPDATE run SET status = 'held', pause_id = (SELECT id FROM pause) WHERE id = :run",
            "fk_job_live_in_running_run",
        ),
        ("UPDATE job SET status = 'held', due_at = NULL WHERE run_id = :run AND position = 1", "fk_job_live"),
        ("UPDATE run SET pause_id = NULL WHERE id = :held", "held_by_a_pause"),
        ("UPDATE run SET status = 'running' WHERE id = :held", "fk_job_live_in_running_run"),
        ("UPDATE job SET status = 'queued', due_at = now() WHERE run_id = :held AND position = 1", "fk_job_live"),
        ("UPDATE job SET due_at = now() WHERE run_id = :held AND position = 1", "live_is_due"),
        ("UPDATE run SET status = 'running', started_at = now() WHERE id = :behind", "run_order"),
        (
            "UPDATE run SET status = 'cancelled', finished_at = now(), pause_id = NULL WHERE id = :held",
            "run_leaves_jobs",
        ),
    ],
)
async def test_a_run_and_its_job_are_held_together_and_nothing_passes_them(
    tenant: Tenant, statement: str, guard: str
) -> None:
    run, held = await tenant.new_run(), await make_run(tenant, "held")
    behind = await tenant.accept(held.activity_id)
    with pytest.raises(sa.exc.IntegrityError, match=guard):
        await tenant.do(
            statement,
            **{
                name: value
                for name, value in {"run": run.id, "held": held.id, "behind": behind.id}.items()
                if f":{name}" in statement
            },
        )
