"""An activity queue: runs one at a time and in order, four jobs in a row, and what an end, a cancel, a retry do."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.db import activity_queue, answers, claims, runs
from app.db.activity_queue import WakeUp
from app.db.content import open_contents
from app.db.egress import release
from app.db.runs import MAX_WAITING_RUNS
from app.domain.kinds import Kind
from app.errors import Conflict, NotFound
from tests.database.epochs import begin_epoch, claim
from tests.database.factories import Run, Tenant, duty, make_job, make_run, pupil, small_roster

_FIVE_MINUTES = timedelta(minutes=5)
_SOMEBODY_WAITS = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    )
"""
_COUNTS = ("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped")


async def _counts(tenant: Tenant, job_id: UUID) -> dict[str, int]:
    [row] = await tenant.rows(f"SELECT {', '.join(_COUNTS)} FROM job WHERE id = :job", job=job_id)
    return {name: value for name, value in row.items() if value}


async def _events(tenant: Tenant, run: Run) -> list[tuple[int, str | None, str, int | None]]:
    """Lists (position of the job or 0 for the run, from, to, claim) in the order of their writing."""
    rows = await tenant.rows(
        "SELECT coalesce(job.position, 0) AS position, from_status, to_status, event.claim FROM event"
        " LEFT JOIN job ON job.id = event.job_id WHERE event.run_id = :run ORDER BY event.id",
        run=run.id,
    )
    return [(row["position"], row["from_status"], row["to_status"], row["claim"]) for row in rows]


async def _failed(tenant: Tenant, policy: str = "halt") -> Run:
    """A run whose first job failed by one of its two records."""
    run = await tenant.new_run(policy=policy)
    await tenant.play(run.jobs[0], {(await run.objects(1))[0]: "error"})
    return run


async def _coming(tenant: Tenant, activity_id: UUID) -> asyncio.Future[Run]:
    """A run that somebody asks for; it waits for a lock, or has been accepted."""
    coming = asyncio.ensure_future(tenant.accept(activity_id))
    while not coming.done() and not await tenant.value(_SOMEBODY_WAITS):
        await asyncio.wait({coming}, timeout=0.01)
    return coming


# Acceptance


async def test_an_accepted_run_starts_in_an_empty_queue(tenant: Tenant) -> None:
    run = await tenant.new_run()
    [row] = await tenant.rows("SELECT * FROM run")
    assert (row["status"], row["sequence"], row["roster_version"], row["on_record_error"]) == ("running", 1, 1, "halt")
    assert (row["requested_by_id"], row["requested_by_name"]) == (tenant.key_id, "testnyckel")
    jobs = await tenant.rows("SELECT position, kind, status FROM job ORDER BY position")
    assert [tuple(job.values()) for job in jobs] == [
        (kind.position, kind.value, "queued" if kind is Kind.PERSONS else "waiting") for kind in Kind
    ]
    assert run.wake_ups == (WakeUp(run.jobs[0], 1),)


async def test_a_run_holds_the_roster_that_was_there(tenant: Tenant) -> None:
    """Every object is a pending record of its stage's job, in the roster's order, and the jobs' totals say so."""
    roster = small_roster()
    run = await tenant.new_run(roster)
    for kind in Kind:
        assert await run.objects(kind.position) == [item["id"] for item in roster[kind.value]]
        size = len(roster[kind.value])
        assert await _counts(tenant, run.jobs[kind.position - 1]) == {"total": size, "pending": size}


async def test_a_frozen_record_opens_as_what_it_was(tenant: Tenant) -> None:
    """A run has digests alone; what they stand for is stored once, and opens."""
    roster = small_roster()
    run = await tenant.new_run(roster)
    await tenant.accept(run.activity_id)
    rows = await tenant.rows("SELECT object_id, source, outgoing FROM record WHERE run_id = :run", run=run.id)
    async with tenant.engine.connect() as conn:
        contents = await open_contents(conn, tenant.cipher, (bytes(row["source"]) for row in rows))
    assert [row["source"] for row in rows] == [row["outgoing"] for row in rows]
    assert await tenant.value("SELECT count(*) FROM content") == len(rows)
    opened = {row["object_id"]: json.loads(contents[bytes(row["source"])]) for row in rows}
    assert opened == {UUID(item["id"]): item for items in roster.values() for item in items}


async def test_later_changes_of_the_roster_do_not_touch_the_run(tenant: Tenant) -> None:
    run = await tenant.new_run()
    before = await tenant.rows("SELECT * FROM record ORDER BY object_id")
    await tenant.store({"persons": [pupil()]}, run.activity_id)
    assert await tenant.rows("SELECT * FROM record ORDER BY object_id") == before
    later = await tenant.accept(run.activity_id)
    assert [len(await later.objects(position)) for position in (1, 2, 3, 4)] == [1, 0, 0, 0]
    assert await tenant.value("SELECT roster_version FROM run WHERE id = :run", run=later.id) == 2


async def test_what_the_reading_found_goes_into_the_record(tenant: Tenant) -> None:
    run = await tenant.new_run({"persons": [pupil(civicNo=None)]})
    [row] = await tenant.rows("SELECT sendable, issues FROM record WHERE run_id = :run", run=run.id)
    assert row["sendable"] is False
    assert [each["pointer"] for each in row["issues"]] == ["/civicNo"]


async def test_twenty_runs_wait_and_no_more(tenant: Tenant) -> None:
    """The one under way is not among them; a cancelled one makes room."""
    activity_id = await tenant.store({})
    runs = [await tenant.accept(activity_id) for _ in range(MAX_WAITING_RUNS + 1)]
    before = await tenant.dump()
    with pytest.raises(Conflict):
        await tenant.accept(activity_id)
    assert await tenant.dump() == before
    await runs[5].cancel()
    await tenant.accept(activity_id)


async def test_nobody_provisions_what_is_not_theirs(tenant: Tenant) -> None:
    activity_id = await tenant.store()
    other = await Tenant.make(tenant.engine)
    with pytest.raises(NotFound):
        await other.accept(activity_id)
    with pytest.raises(NotFound):
        await tenant.accept(uuid4())


async def test_the_same_activity_id_is_another_queue_in_another_organisation(tenant: Tenant) -> None:
    other = await Tenant.make(tenant.engine)
    activity_id = await tenant.store()
    await other.store({"persons": [pupil()]}, activity_id)
    mine, theirs = await tenant.accept(activity_id), await other.accept(activity_id)
    assert [await mine.status(), await theirs.status()] == ["running", "running"]
    assert [len(await mine.objects(1)), len(await theirs.objects(1))] == [2, 1]


async def test_runs_accepted_at_once_stand_in_one_line(tenant: Tenant) -> None:
    activity_id = await tenant.store({})
    runs = await asyncio.gather(*(tenant.accept(activity_id) for _ in range(5)))
    rows = await tenant.rows("SELECT sequence, status FROM run ORDER BY sequence")
    assert [(row["sequence"], row["status"]) for row in rows] == [
        (1, "running"),
        *((sequence, "queued") for sequence in range(2, 6)),
    ]
    assert sum(len(run.wake_ups) for run in runs) == 1


async def test_a_run_that_comes_while_the_one_ahead_ends_is_not_left_behind(tenant: Tenant) -> None:
    """It waits for that end: else neither would see the other, and the queue would stand still."""
    ahead = await tenant.new_run({})
    for job_id in ahead.jobs[:-1]:
        await tenant.play(job_id)
    held = await tenant.claim(ahead.jobs[-1])
    async with tenant.engine.begin() as conn:
        await activity_queue.finish_job(conn, held.organisation_id, held.job_id, held.number, "succeeded")
        coming = await _coming(tenant, ahead.activity_id)
    assert await (await coming).status() == "running"


async def test_a_run_that_comes_while_the_one_ahead_is_cancelled_is_not_left_behind(tenant: Tenant) -> None:
    ahead = await tenant.new_run({})
    async with tenant.engine.begin() as conn:
        await runs.cancel_run(conn, tenant.organisation_id, ahead.id)
        coming = await _coming(tenant, ahead.activity_id)
    assert await (await coming).status() == "running"


# Ends


async def test_each_end_lets_the_next_one_begin(tenant: Tenant) -> None:
    """Job after job, then the run, then the next run, in the transaction of the end itself."""
    run = await tenant.new_run()
    following = await tenant.accept(run.activity_id)
    for position in range(1, 5):
        assert await run.statuses() == ["succeeded"] * (position - 1) + ["queued"] + ["waiting"] * (4 - position)
        assert await following.status() == "queued"
        wake_ups = await tenant.play(run.jobs[position - 1])
        assert wake_ups == [WakeUp((*run.jobs, following.jobs[0])[position], 1)]
    assert (await run.status(), await run.statuses()) == ("succeeded", ["succeeded"] * 4)
    assert (await following.status(), await following.statuses()) == ("running", ["queued"] + ["waiting"] * 3)


async def test_runs_start_in_the_order_of_their_acceptance(tenant: Tenant) -> None:
    activity_id = await tenant.store({})
    runs = [await tenant.accept(activity_id) for _ in range(4)]
    await runs[2].cancel()
    started = []
    for run in (runs[0], runs[1], runs[3]):
        started.append([await each.status() for each in runs].index("running"))
        for job_id in run.jobs:
            await tenant.play(job_id)
    assert started == [0, 1, 3]


async def test_a_failed_job_blocks_those_behind_it_and_ends_the_run(tenant: Tenant) -> None:
    """The activity queue goes on with the next run."""
    run = await tenant.new_run()
    following = await tenant.accept(run.activity_id)
    first, _ = await run.objects(1)
    held = await tenant.claim(run.jobs[0])
    await tenant.answer(held, await tenant.accepted(held), {first: "error"})
    async with tenant.engine.begin() as conn:
        wake_ups, _ = await activity_queue.finish_job(
            conn, held.organisation_id, held.job_id, held.number, "failed", {"type": "records"}
        )
    assert wake_ups == [WakeUp(following.jobs[0], 1)]
    assert (await run.status(), await run.statuses()) == ("failed", ["failed"] + ["blocked"] * 3)
    assert await following.status() == "running"
    assert await tenant.value("SELECT error FROM job WHERE id = :job", job=held.job_id) == {"type": "records"}
    assert await _counts(tenant, held.job_id) == {"total": 2, "succeeded": 1, "errors": 1}


async def test_the_end_of_a_job_counts_its_records(tenant: Tenant) -> None:
    run = await tenant.new_run(policy="continue")
    first, second = await run.objects(1)
    await tenant.play(run.jobs[0], {first: "warning", second: "error"})
    assert await _counts(tenant, run.jobs[0]) == {"total": 2, "warnings": 1, "errors": 1}
    await tenant.play(run.jobs[1])
    assert await _counts(tenant, run.jobs[1]) == {"total": 1, "skipped": 1}


async def test_every_change_of_state_is_an_event(tenant: Tenant) -> None:
    """Of a run that fails in its second job: each edge once, in order, with the claim of the jobs'."""
    run = await tenant.new_run()
    await tenant.play(run.jobs[0])
    [taught] = await run.objects(2)
    await tenant.play(run.jobs[1], {taught: "error"})
    events = await _events(tenant, run)
    assert sorted(event for event in events if event[1] is None) == [
        (0, None, "queued", None),
        *((position, None, "waiting", 0) for position in (1, 2, 3, 4)),
    ]
    changes = [event for event in events if event[1] is not None]
    first, second = [await tenant.value("SELECT claim FROM job WHERE id = :id", id=job) for job in run.jobs[:2]]
    assert changes[:6] == [
        (0, "queued", "running", None),
        (1, "waiting", "queued", 0),
        (1, "queued", "running", first),
        (1, "running", "succeeded", first),
        (2, "waiting", "queued", 0),
        (2, "queued", "running", second),
    ]
    assert changes[6] == (2, "running", "failed", second)
    assert sorted(changes[7:9]) == [(3, "waiting", "blocked", 0), (4, "waiting", "blocked", 0)]
    assert changes[9:] == [(0, "running", "failed", None)]


# Cancel


async def test_a_run_that_waits_is_cancelled_at_once(tenant: Tenant) -> None:
    run = await make_run(tenant, "queued")
    assert await run.cancel() == []
    assert (await run.status(), await run.statuses()) == ("cancelled", ["cancelled"] * 4)


async def test_a_run_with_nothing_at_skolverket_is_cancelled_at_once(tenant: Tenant) -> None:
    """Its job is due and nobody has it; the next run of the activity queue begins."""
    run = await tenant.new_run()
    following = await tenant.accept(run.activity_id)
    assert await run.cancel() == [WakeUp(following.jobs[0], 1)]
    assert (await run.status(), await run.statuses()) == ("cancelled", ["cancelled"] * 4)
    assert await following.status() == "running"


async def test_a_run_whose_job_is_held_ends_when_the_holder_lets_go(tenant: Tenant) -> None:
    """What waits behind is cancelled at once, the job itself when its holder ends it, and then the run."""
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    assert await run.cancel() == [WakeUp(held.job_id, 2)]
    assert (await run.status(), await run.statuses()) == ("running", ["running"] + ["cancelled"] * 3)
    assert await tenant.value("SELECT cancel_requested_at IS NOT NULL FROM run WHERE id = :run", run=run.id)
    assert await tenant.finish(held, "cancelled") == []
    assert (await run.status(), await run.statuses()) == ("cancelled", ["cancelled"] * 4)


async def test_a_cancel_calls_a_resting_job_back(tenant: Tenant) -> None:
    """A job that snoozes for minutes is due now, so that the run can end."""
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, _FIVE_MINUTES)
    [wake_up] = await run.cancel()
    assert wake_up.job_id == held.job_id
    await tenant.claim(held.job_id)


async def test_a_cancel_takes_no_job_from_its_holder(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await run.cancel()
    async with tenant.engine.begin() as conn:
        await claims.hold(conn, held)
        assert await claim(conn, held.job_id) is None


async def test_what_follows_from_a_jobs_end_is_claimed_at_once_by_its_holder(tenant: Tenant) -> None:
    """The next job of the run, then the first of the activity's next run; and not by one who may call no more."""
    first = await tenant.new_run({})
    second = await tenant.accept(first.activity_id)
    async with tenant.engine.begin() as conn:
        epoch = await begin_epoch(conn)
        [held] = await claims.claim_jobs(conn, epoch, 1, [first.jobs[0]])
        for expected in (*first.jobs[1:], second.jobs[0]):
            wake_ups, claimed = await activity_queue.finish_job(
                conn, held.organisation_id, held.job_id, held.number, "succeeded", go_on=True
            )
            assert [each.job_id for each in wake_ups] == [expected]
            [held] = [claims.following(held, each) for each in claimed]
            assert (held.job_id, held.opened.counts.total) == (expected, 0)
        await release(conn, epoch)
        _, claimed = await activity_queue.finish_job(
            conn, held.organisation_id, held.job_id, held.number, "succeeded", go_on=True
        )
        assert claimed == []


async def test_a_job_that_succeeds_in_spite_of_a_cancel_starts_no_other(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    await run.cancel()
    await tenant.answer(held, batch_id)
    assert await tenant.finish(held) == []
    assert (await run.status(), await run.statuses()) == ("cancelled", ["succeeded"] + ["cancelled"] * 3)


async def test_a_run_whose_last_job_succeeds_in_spite_of_a_cancel_has_succeeded(tenant: Tenant) -> None:
    run = await tenant.new_run({})
    for job_id in run.jobs[:3]:
        await tenant.play(job_id)
    held = await tenant.claim(run.jobs[3])
    await run.cancel()
    assert await tenant.finish(held) == []
    assert await run.status() == "succeeded"


async def test_to_cancel_twice_is_to_cancel_once(tenant: Tenant) -> None:
    run = await tenant.new_run()
    await tenant.claim(run.jobs[0])
    await run.cancel()
    query = "SELECT cancel_requested_at FROM run WHERE id = :run"
    asked = await tenant.value(query, run=run.id)
    await run.cancel()
    assert await tenant.value(query, run=run.id) == asked


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
async def test_a_finished_run_cannot_be_cancelled(tenant: Tenant, state: str) -> None:
    run = await make_run(tenant, state)
    before = await tenant.dump()
    with pytest.raises(Conflict):
        await run.cancel()
    assert await tenant.dump() == before


async def test_nobody_cancels_or_retries_what_is_not_theirs(tenant: Tenant) -> None:
    other = await Tenant.make(tenant.engine)
    theirs = await _failed(other)
    before = await tenant.dump()
    for run_id in (theirs.id, uuid4()):
        with pytest.raises(NotFound):
            async with tenant.engine.begin() as conn:
                await runs.cancel_run(conn, tenant.organisation_id, run_id)
        with pytest.raises(NotFound):
            async with tenant.engine.begin() as conn:
                await runs.retry_run(conn, tenant.organisation_id, run_id, None)
    assert await tenant.dump() == before


# Retry


async def test_a_retry_goes_on_with_what_has_not_succeeded(tenant: Tenant) -> None:
    run = await _failed(tenant)
    failed, fine = await run.objects(1)
    [wake_up] = await run.retry()
    assert wake_up.job_id == run.jobs[0]
    assert (await run.status(), await run.statuses()) == ("running", ["queued"] + ["waiting"] * 3)
    assert await _counts(tenant, run.jobs[0]) == {"total": 2, "pending": 1, "succeeded": 1}
    [row] = await tenant.rows("SELECT * FROM record WHERE object_id = :id", id=UUID(failed))
    assert (row["status"], row["received"], row["completed_at"], row["issues"]) == ("pending", None, None, None)
    assert row["attempts"] == 1
    held = await tenant.claim(run.jobs[0])
    await tenant.accepted(held)
    assert await tenant.value("SELECT status FROM record WHERE object_id = :id", id=UUID(fine)) == "succeeded"
    sent = await tenant.value("SELECT record_ids FROM batch ORDER BY number DESC LIMIT 1")
    assert sent == [UUID(failed)]


async def test_a_retry_begins_the_job_anew(tenant: Tenant) -> None:
    """Its error, its attempts and its faults are gone; its claims go on from where they were."""
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    first, _ = await run.objects(1)
    await tenant.answer(held, await tenant.accepted(held), {first: "error"})
    await tenant.note_accepted(held)
    async with tenant.engine.begin() as conn:
        await claims.note_fault(conn, held, {"type": "x"})
        await activity_queue.finish_job(conn, held.organisation_id, held.job_id, held.number, "failed", {"type": "y"})
    await run.retry()
    [row] = await tenant.rows("SELECT * FROM job WHERE id = :job", job=held.job_id)
    assert [
        row[name] for name in ("error", "attempt", "failed_at", "last_accepted_at", "finished_at", "worker_deaths")
    ] == [*(None, 0, None, None, None, 0)]
    assert row["tried_for"] == timedelta()
    assert (await tenant.claim(held.job_id)).number > held.number


async def test_what_is_left_pending_begins_anew_with_a_retry(tenant: Tenant) -> None:
    """It waits no longer, and is given up no sooner than what never failed: those faults were of the earlier try."""
    run = await tenant.new_run({"persons": [pupil()]})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, batch_id, "timeout", _FIVE_MINUTES)
    assert await tenant.write(held) is None
    await run.cancel()
    await tenant.finish(held, "cancelled")
    await run.retry()
    faults = "SELECT tried_for, failed_at, planned_wait FROM record WHERE job_id = :job"
    assert [{*row.values()} for row in await tenant.rows(faults, job=held.job_id)] == [{None}]
    again = await tenant.claim(held.job_id)
    assert await tenant.write(again) is not None


async def test_a_retry_forgets_issues_of_the_earlier_try_and_keeps_those_of_the_roster(tenant: Tenant) -> None:
    broken, blocked, fine = pupil(civicNo=None), duty(pupil()), pupil()
    blocked["person"] = {"id": broken["id"]}
    run = await tenant.new_run({"persons": [broken, fine], "duties": [blocked]}, "continue")
    await tenant.play(run.jobs[0])
    held = await tenant.claim(run.jobs[1])
    assert await tenant.write(held) is None
    async with tenant.engine.begin() as conn:
        await answers.abandon_outstanding(conn, held, "worker_lost")
    await tenant.finish(held, "failed")
    query = "SELECT status, issues FROM record WHERE object_id = :id"
    [skipped] = await tenant.rows(query, id=UUID(blocked["id"]))
    assert (skipped["status"], [each["code"] for each in skipped["issues"]]) == ("skipped", ["blocked_by"])
    await run.retry()
    [again] = await tenant.rows(query, id=UUID(blocked["id"]))
    assert (again["status"], again["issues"]) == ("pending", None)
    [still] = await tenant.rows(query, id=UUID(broken["id"]))
    assert still["status"] == "error", "its job has succeeded, with errors"
    assert [each["pointer"] for each in still["issues"]] == ["/civicNo"]


async def test_a_broken_record_is_opened_with_its_issues(tenant: Tenant) -> None:
    run = await tenant.new_run({"persons": [pupil(civicNo=None)]})
    await tenant.play(run.jobs[0])
    await run.retry()
    [row] = await tenant.rows("SELECT status, issues FROM record")
    assert (row["status"], [each["pointer"] for each in row["issues"]]) == ("pending", ["/civicNo"])


async def test_a_cancelled_run_goes_on_from_where_it_was(tenant: Tenant) -> None:
    run = await tenant.new_run()
    await tenant.play(run.jobs[0])
    await run.cancel()
    assert await run.statuses() == ["succeeded"] + ["cancelled"] * 3
    [wake_up] = await run.retry()
    assert wake_up.job_id == run.jobs[1]
    assert (await run.status(), await run.statuses()) == ("running", ["succeeded", "queued", "waiting", "waiting"])
    assert await tenant.value("SELECT cancel_requested_at FROM run WHERE id = :run", run=run.id) is None
    for job_id in run.jobs[1:]:
        await tenant.play(job_id)
    assert await run.status() == "succeeded"


async def test_a_run_that_was_cancelled_before_its_start_can_be_tried(tenant: Tenant) -> None:
    ahead = await tenant.new_run({})
    run = await tenant.accept(ahead.activity_id)
    await run.cancel()
    for job_id in ahead.jobs:
        await tenant.play(job_id)
    await run.retry()
    assert await run.status() == "running"


@pytest.mark.parametrize(("policy", "becomes"), [(None, "halt"), ("continue", "continue"), ("halt", "halt")])
async def test_a_retry_may_bring_another_policy(tenant: Tenant, policy: str | None, becomes: str) -> None:
    run = await _failed(tenant)
    await run.retry(policy)
    assert await tenant.value("SELECT on_record_error FROM run WHERE id = :run", run=run.id) == becomes


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
async def test_only_a_failed_or_cancelled_run_is_tried_again(tenant: Tenant, state: str) -> None:
    run = await make_run(tenant, state)
    before = await tenant.dump()
    with pytest.raises(Conflict):
        await run.retry()
    assert await tenant.dump() == before


async def test_only_the_latest_run_is_tried_again(tenant: Tenant) -> None:
    """Even when the later one has ended: it carried a roster that is newer."""
    run = await _failed(tenant)
    later = await tenant.accept(run.activity_id)
    await later.cancel()
    with pytest.raises(Conflict, match="later run"):
        await run.retry()


async def test_a_retry_does_not_jump_the_queue(tenant: Tenant) -> None:
    ahead = await tenant.new_run()
    run = await tenant.accept(ahead.activity_id)
    await run.cancel()
    with pytest.raises(Conflict, match="earlier run"):
        await run.retry()


async def test_of_two_retries_at_once_one_is_taken(tenant: Tenant) -> None:
    run = await _failed(tenant)
    results = await asyncio.gather(run.retry(), run.retry(), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["RunNotEnded", "list"]


# The mending of an activity queue


async def test_a_queue_that_stands_still_is_started(tenant: Tenant) -> None:
    """Made by taking the run ahead away as no code of ours does: its end starts the next one by itself."""
    ahead = await make_run(tenant, "running")
    run = await tenant.accept(ahead.activity_id)
    await tenant.do(
        "UPDATE job SET status = 'cancelled', finished_at = clock_timestamp(), due_at = NULL WHERE run_id = :run",
        run=ahead.id,
    )
    await tenant.do(
        "UPDATE run SET status = 'cancelled', finished_at = clock_timestamp() WHERE id = :run", run=ahead.id
    )
    assert await run.status() == "queued"
    async with tenant.engine.begin() as conn:
        wake_ups = await activity_queue.start_free_queues(conn)
    assert wake_ups == [WakeUp(run.jobs[0], 1)]
    assert await run.status() == "running"


async def test_queues_that_move_are_left_alone(tenant: Tenant) -> None:
    for state in ("queued", "succeeded", "failed", "cancelled"):
        await make_run(tenant, state)
    await make_job(tenant, "running")
    before = await tenant.dump()
    async with tenant.engine.begin() as conn:
        assert await activity_queue.start_free_queues(conn) == []
    assert await tenant.dump() == before
