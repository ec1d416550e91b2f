"""Who works on a job: one claim at a time, and a claim that somebody has taken over writes nothing any more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import activity_queue, answers, batches, claims
from app.db.claims import Claim
from app.db.egress import release
from app.db.faults import OurFault
from app.db.verbs import LeaseLost
from app.domain.kinds import Kind
from app.domain.verdicts import RecordChange
from app.skolverket.published import PUBLISHED
from tests.database.epochs import begin_epoch, claim
from tests.database.factories import MINUTE, Tenant, make_job, pupil

NOTHING = timedelta()


async def _try(tenant: Tenant, job_id: UUID | None = None) -> Claim | None:
    async with tenant.engine.begin() as conn:
        return await claim(conn, job_id)


async def _job(tenant: Tenant, job_id: UUID) -> dict[str, object]:
    [row] = await tenant.rows("SELECT *, due_at - clock_timestamp() AS due_in FROM job WHERE id = :job", job=job_id)
    return row


async def test_a_claim_says_whose_job_it_is_and_which(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    own = await tenant.value("SELECT salt || digest_key FROM organisation WHERE id = :id", id=tenant.organisation_id)
    assert held == Claim(
        run.jobs[0], held.number, tenant.organisation_id, run.id, Kind.PERSONS, own, False, held.opened
    )
    assert (held.opened.counts.pending, held.opened.ready) == (2, True)


async def test_a_claim_starts_the_job_and_holds_it(tenant: Tenant) -> None:
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    row = await _job(tenant, held.job_id)
    assert (row["status"], row["claim"], row["worker_deaths"], row["attempt"]) == ("running", held.number, 0, 0)
    assert None not in (row["holder"], row["started_at"])


@pytest.mark.parametrize("by_id", [True, False])
async def test_of_claimers_at_once_exactly_one_gets_the_job(tenant: Tenant, by_id: bool) -> None:
    """Each on a connection of its own, all let go at the same moment."""
    for _ in range(5):
        job_id = await make_job(tenant, "queued")
        ready = asyncio.Barrier(6)

        async def claimer(ready: asyncio.Barrier = ready, job_id: UUID = job_id) -> Claim | None:
            async with tenant.engine.begin() as conn:
                await conn.execute(sa.text("SELECT 1"))
                await ready.wait()
                return await claim(conn, job_id if by_id else None)

        got = [held for held in await asyncio.gather(*(claimer() for _ in range(6))) if held is not None]
        assert [held.job_id for held in got] == [job_id]


async def test_a_claimer_passes_over_a_job_that_another_one_is_taking(tenant: Tenant) -> None:
    """The other's transaction is still open: nobody waits for it, and nobody gets its job."""
    first, second = await make_job(tenant, "queued"), await make_job(tenant, "queued")
    async with tenant.engine.begin() as slow:
        taken = await claim(slow)
        assert taken is not None
        assert taken.job_id == first
        assert await _try(tenant, first) is None
        other = await _try(tenant)
        assert other is not None
        assert other.job_id == second


async def test_the_job_that_has_been_due_longest_comes_first(tenant: Tenant) -> None:
    early, late = await make_job(tenant, "queued"), await make_job(tenant, "queued")
    await tenant.do("UPDATE job SET due_at = due_at - interval '1 hour' WHERE id = :job", job=late)
    assert [(await tenant.claim()).job_id for _ in range(2)] == [late, early]


@pytest.mark.parametrize("state", ["waiting", "succeeded", "failed", "blocked", "cancelled", "running"])
async def test_a_job_that_is_not_to_be_had_is_not_claimed(tenant: Tenant, state: str) -> None:
    assert await _try(tenant, await make_job(tenant, state)) is None


async def test_a_job_that_is_not_due_is_not_claimed(tenant: Tenant) -> None:
    job_id = await make_job(tenant, "queued")
    await tenant.do("UPDATE job SET due_at = clock_timestamp() + interval '1 hour' WHERE id = :job", job=job_id)
    assert await _try(tenant, job_id) is None
    assert await _try(tenant) is None


async def test_an_unknown_job_is_not_claimed(tenant: Tenant) -> None:
    await make_job(tenant, "queued")
    assert await _try(tenant, uuid4()) is None


# What a claim may write, each ready to be tried by one that no longer holds.
type_of_write = Callable[[Tenant, AsyncConnection, Claim, UUID, UUID], Awaitable[object]]
_WRITES: dict[str, type_of_write] = {
    "open_job": lambda t, conn, held, w, a: batches.open_job(conn, held),
    "write_batch": lambda t, conn, held, w, a: batches.write_batch(conn, t.cipher, PUBLISHED, held),
    "call_batch": lambda t, conn, held, w, a: batches.call_batch(conn, t.cipher, PUBLISHED, held, w),
    "accept_batch": lambda t, conn, held, w, a: answers.accept_batch(conn, held, w, 202, "late", NOTHING),
    "apply_answer": lambda t, conn, held, w, a: answers.apply_answer(conn, t.cipher, held, a, b"{}", [], NOTHING),
    "postpone_poll": lambda t, conn, held, w, a: answers.postpone_poll(conn, held, a, MINUTE),
    "refuse_batch": lambda t, conn, held, w, a: answers.refuse_batch(
        conn, t.cipher, held, w, 413, b"[]", {}, PUBLISHED.codes
    ),
    "requeue_batch": lambda t, conn, held, w, a: answers.requeue_batch(conn, t.cipher, held, w, 503, b"[]", MINUTE),
    "mark_lost": lambda t, conn, held, w, a: answers.mark_lost(conn, held, a, "timeout", NOTHING),
    "unmark_called": lambda t, conn, held, w, a: batches.unmark_called(conn, held, w),
    "discard_unsent": lambda t, conn, held, w, a: batches.discard_unsent(conn, held),
    "abandon": lambda t, conn, held, w, a: answers.abandon_outstanding(conn, held, "no_contact"),
    "expire": lambda t, conn, held, w, a: batches.expire(conn, held),
    "load_snapshot": lambda t, conn, held, w, a: claims.load_snapshot(conn, held),
    "hold": lambda t, conn, held, w, a: claims.hold(conn, held),
    "snooze": lambda t, conn, held, w, a: claims.snooze(conn, held, NOTHING),
    "note_fault": lambda t, conn, held, w, a: claims.note_fault(conn, held, {"type": "late"}),
    "finish_job as succeeded": lambda t, conn, held, w, a: activity_queue.finish_job(
        conn, held.organisation_id, held.job_id, held.number, "succeeded"
    ),
    "finish_job as failed": lambda t, conn, held, w, a: activity_queue.finish_job(
        conn, held.organisation_id, held.job_id, held.number, "failed", {"type": "late"}
    ),
}


@pytest.fixture
async def outlived(tenant: Tenant) -> tuple[Claim, Claim, UUID, UUID]:
    """A claim that was taken over, the one that followed, a batch that is written and one that is accepted."""
    run = await tenant.new_run({"persons": [pupil(givenName="Ö" * 70_000), pupil(givenName="Å" * 70_000), pupil()]})
    first = await tenant.claim(run.jobs[0])
    accepted = await tenant.accepted(first)
    written = (await tenant.written(first)).id
    await tenant.die(first)
    return first, await tenant.claim(run.jobs[0]), written, accepted


@pytest.mark.parametrize("write", _WRITES)
async def test_once_taken_over_nothing_is_written(
    tenant: Tenant, outlived: tuple[Claim, Claim, UUID, UUID], write: str
) -> None:
    """The next claim holds the job: whatever the one before it tries changes no row."""
    stale, current, written, accepted = outlived
    before = await tenant.dump()
    with pytest.raises(LeaseLost):
        async with tenant.engine.begin() as conn:
            await _WRITES[write](tenant, conn, stale, written, accepted)
    assert await tenant.dump() == before
    async with tenant.engine.begin() as conn:
        await claims.hold(conn, current)


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled", "blocked"])
async def test_a_job_that_was_let_go_takes_no_end(tenant: Tenant, end: str) -> None:
    """A claim that has snoozed still has the current number; once the job has ended, not even that counts."""
    held = await tenant.claim((await tenant.new_run({})).jobs[0])
    await tenant.finish(held)
    before = await tenant.dump()
    with pytest.raises(LeaseLost):
        await tenant.finish(held, end)
    assert await tenant.dump() == before


async def test_a_death_is_counted(tenant: Tenant) -> None:
    """The next claim has a higher number and knows that its predecessor died; letting go in order forgets it."""
    job_id = await make_job(tenant, "queued")
    held = await tenant.claim(job_id)
    assert not held.lost_before
    for worker_deaths in (1, 2):
        await tenant.die(held)
        await tenant.do("UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE id = :job", job=job_id)
        before, held = held, await tenant.claim(job_id)
        assert held.number > before.number
        assert (held.lost_before, (await _job(tenant, job_id))["worker_deaths"]) == (True, worker_deaths)
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, NOTHING)
    assert (await _job(tenant, job_id))["worker_deaths"] == 0
    assert not (await tenant.claim(job_id)).lost_before


async def test_a_snooze_gives_the_job_back_at_its_time(tenant: Tenant) -> None:
    """It stays running to callers, holds no worker, costs no attempt and numbers a wake-up for its time."""
    held = await tenant.claim(await make_job(tenant, "queued"))
    before = await _job(tenant, held.job_id)
    async with tenant.engine.begin() as conn:
        wake_up = await claims.snooze(conn, held, timedelta(seconds=90))
    row = await _job(tenant, held.job_id)
    assert (row["status"], row["holder"], row["attempt"]) == ("running", None, 0)
    assert timedelta(seconds=80) < row["due_in"] <= timedelta(seconds=90)  # type: ignore[operator]
    assert wake_up == activity_queue.WakeUp(held.job_id, before["wake_up"] + 1, 90.0)  # type: ignore[operator]
    assert await _try(tenant, held.job_id) is None
    await tenant.do("UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE id = :job", job=held.job_id)
    again = await tenant.claim(held.job_id)
    assert (again.number > held.number, again.lost_before) == (True, False)


async def test_a_number_that_a_failover_has_lost_is_not_given_again(tenant: Tenant) -> None:
    """A standby that lacks the last commits gives the job away anew: whoever had it writes nothing under that claim."""
    job_id = (await tenant.new_run()).jobs[0]
    numbers = set[int]()
    for _ in range(3):
        async with tenant.engine.connect() as conn:
            held = await claim(conn, job_id)
            assert held is not None
            numbers.add(held.number)
            await conn.rollback()
    assert len(numbers) == 3


async def test_a_snooze_counts_the_records(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    failed, _ = await run.objects(1)
    await tenant.answer(held, await tenant.accepted(held), {failed: "error"})
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, NOTHING)
    row = await _job(tenant, held.job_id)
    shown = [row[name] for name in ("total", "pending", "sent", "succeeded", "warnings", "errors", "skipped")]
    assert shown == [2, 0, 0, 1, 0, 1, 0]


async def test_faults_are_counted_and_forgotten_on_contact(tenant: Tenant) -> None:
    held = await tenant.claim(await make_job(tenant, "queued"))
    rows = []
    for error in ({"type": "one"}, {"type": "two"}, None):
        if error is None:
            await tenant.note_accepted(held)
        else:
            async with tenant.engine.begin() as conn:
                await claims.note_fault(conn, held, error)
        rows.append(await _job(tenant, held.job_id))
    assert [row["attempt"] for row in rows] == [1, 2, 2]
    assert [row["error"] for row in rows] == [{"type": "one"}, {"type": "two"}, None]
    assert NOTHING == rows[0]["tried_for"] < rows[1]["tried_for"] == rows[1]["failed_at"] - rows[0]["failed_at"]  # type: ignore[operator]
    assert (rows[2]["tried_for"], rows[2]["failed_at"]) == (NOTHING, None)
    assert [row["last_accepted_at"] is None for row in rows] == [True, True, False]


async def test_the_view_is_what_the_database_holds(tenant: Tenant) -> None:
    run = await tenant.new_run(policy="continue")
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    await run.cancel()
    async with tenant.engine.begin() as conn:
        seen = await claims.load_snapshot(conn, held)
    assert (seen.counts.total, seen.counts.sent, seen.counts.pending) == (2, 2, 0)
    assert [(batch.id, batch.status) for batch in seen.batches] == [(batch_id, "accepted")]
    assert (seen.ready, seen.next_ready_at, seen.cancelled, seen.on_record_error) == (False, None, True, "continue")
    assert (seen.tried_for, seen.last_accepted_at is None, seen.kills) == (NOTHING, False, False)


async def test_the_view_knows_when_a_record_may_go_again(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    later, latest = (UUID(each) for each in await run.objects(1))
    changes = [RecordChange(each, "pending", again_in=timedelta(hours=n)) for n, each in ((1, later), (2, latest))]
    async with tenant.engine.begin() as conn:
        await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", changes, NOTHING)
    async with tenant.engine.begin() as conn:
        seen = await claims.load_snapshot(conn, held)
    assert (seen.counts.pending, seen.ready, seen.batches) == (2, False, [])
    assert seen.next_ready_at is not None
    assert timedelta(minutes=59) < seen.next_ready_at - seen.now <= timedelta(hours=1)


async def test_organisations_are_served_in_turn(tenant: Tenant) -> None:
    """However many jobs of another one have been due for longer."""
    many = [await make_job(tenant, "queued") for _ in range(4)]
    other = await Tenant.make(tenant.engine)
    few = [await make_job(other, "queued") for _ in range(2)]
    async with tenant.engine.begin() as conn:
        epoch = await begin_epoch(conn)
        got = [held.job_id for held in await claims.claim_jobs(conn, epoch, 4)]
        rest = [held.job_id for held in await claims.claim_jobs(conn, epoch, 4)]
    assert sorted(got) == sorted([*many[:2], *few])
    assert sorted(rest) == sorted(many[2:])


async def test_an_epoch_that_has_given_its_right_away_claims_nothing(tenant: Tenant) -> None:
    job_id = await make_job(tenant, "queued")
    async with tenant.engine.begin() as conn:
        epoch = await begin_epoch(conn)
        await release(conn, epoch)
        assert await claims.claim_jobs(conn, epoch, 1) == []
        assert await claims.claim_jobs(conn, epoch, 1, [job_id]) == []


async def test_a_rest_is_longer_each_time_and_forgotten_when_a_step_ends(tenant: Tenant) -> None:
    job_id = await make_job(tenant, "queued")
    waits = []
    for _ in range(3):
        held = await tenant.claim(job_id)
        async with tenant.engine.begin() as conn:
            await claims.rest(conn, held, OurFault())
        waits.append((await _job(tenant, job_id))["due_in"])
        await tenant.do("UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE id = :job", job=job_id)
    assert [round(wait.total_seconds()) for wait in waits] == [1, 2, 4]  # type: ignore[attr-defined]
    held = await tenant.claim(job_id)
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, NOTHING)
    row = await _job(tenant, job_id)
    assert (row["rests"], row["rest_code"], row["worker_deaths"]) == (0, None, 0)


async def test_each_verb_leaves_a_later_snapshot_whatever_the_clock_says(tenant: Tenant) -> None:
    """Also that of a look at what is open, and of the next claim."""
    run = await tenant.new_run({"persons": [pupil()]})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    seen = []
    async with tenant.engine.begin() as conn:
        seen.append(await answers.accept_batch(conn, held, batch_id, 202, "7", NOTHING))
        seen.append(await answers.postpone_poll(conn, held, batch_id, NOTHING))
        seen.append(await claims.load_snapshot(conn, held))
        seen.append(await claims.note_fault(conn, held, {"code": "timeout"}))
        await claims.snooze(conn, held, NOTHING)
    held = await tenant.claim(run.jobs[0])
    async with tenant.engine.begin() as conn:
        seen.append(await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", [], MINUTE))
        seen.append(await answers.mark_lost(conn, held, batch_id, "timeout", NOTHING))
    changes = [each.changes for each in seen]
    assert changes == sorted(set(changes))
