"""How each transaction that a step asks for is carried out in Postgres; all drivers of steps use this one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import answers, at_target, batches, unanswered
from app.db.activity_queue import WakeUp, finish_job
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, following, load_snapshot, note_fault, pause_job, snooze
from app.domain.conclusion import CIRCUIT_OPEN, Expire, Finish, Hold, Snooze
from app.domain.courses import Rules
from app.domain.intents import (
    AbandonOutstanding,
    AcceptBatch,
    ApplyAnswer,
    LoadBatch,
    LoadUnanswered,
    LoadUnasked,
    MarkLost,
    NoteArrived,
    NoteAtTarget,
    NoteFault,
    PostponePoll,
    RefreshWork,
    RefuseBatch,
    RequeueBatch,
    Stored,
    Transaction,
    UnmarkCalled,
    WriteBatch,
)
from app.domain.open_work import JobSnapshot
from app.jobs.problems import job_problem
from app.target import Published


async def carry_out(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    intent: Transaction,
    rules: Rules,
    keep: Callable[[batches.Outgoing], None] | None = None,
) -> Stored:
    """Carries `intent` out under `claim`; raises LeaseLost when the claim no longer holds.

    Whatever it writes is one statement, which may commit by itself: no round trips for a transaction, and no lock
    between two of them. A refusal of a record that stood alone takes two, of which the first changes nothing. `rules`
    are those that the step goes by; `keep` is given a batch that has been written down.
    """
    match intent:
        case LoadBatch(batch_id):
            return Stored(await answers.accepted_batch(conn, claim, batch_id))
        case LoadUnasked():
            return Stored(await at_target.unasked(conn, claim))
        case LoadUnanswered(after):
            return Stored(await unanswered.unanswered(conn, cipher, claim, after))
        case WriteBatch():
            written = await batches.write_batch(conn, cipher, published, claim)
            if written.batch is not None and keep is not None:
                keep(written.batch)
            return Stored(written.batch is not None, written.work)
        case _:
            return Stored(work=await _verb(conn, cipher, published, claim, intent, rules.fault_horizon))


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from the end of a step: jobs that are due, now or later, and jobs that its holder has claimed."""

    wake_ups: Sequence[WakeUp] = ()
    claims: Sequence[Claim] = ()


async def settle(
    conn: AsyncConnection, claim: Claim, ending: Snooze | Hold | Finish, *, go_on: bool = False
) -> Settled:
    """Ends a step as `ending` says, in the caller's transaction; with `go_on` its holder claims the job that follows.

    Raises LeaseLost when the claim no longer holds.
    """
    match ending:
        case Snooze(delay, cancelled, paused):
            return Settled([await snooze(conn, claim, delay, cancelled=cancelled, paused=paused)])
        case Hold():
            again = await pause_job(conn, claim)
            return Settled([] if again is None else [again])
        case Finish(status, code, cause):
            problem = job_problem(code or "records_failed", cause) if status == "failed" else None
            wake_ups, claimed = await finish_job(
                conn, claim.organisation_id, claim.job_id, claim.number, status, problem, go_on=go_on
            )
            claims = [following(claim, each) for each in claimed]
            taken = {each.job_id for each in claims}
            return Settled([each for each in wake_ups if each.job_id not in taken], claims)


async def _verb(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    intent: Transaction,
    horizon: timedelta,
) -> JobSnapshot:
    match intent:
        case RefreshWork():
            return await load_snapshot(conn, claim)
        case AcceptBatch(batch_id, http_status, remote_job_id, poll_in):
            return await answers.accept_batch(conn, claim, batch_id, http_status, remote_job_id, poll_in)
        case RefuseBatch(batch_id, http_status, answer, blamed):
            return await answers.refuse_batch(
                conn, cipher, claim, batch_id, http_status, answer, blamed, published.codes
            )
        case RequeueBatch(batch_id, http_status, answer, again_in):
            return await answers.requeue_batch(conn, cipher, claim, batch_id, http_status, answer, again_in, horizon)
        case MarkLost(batch_id, code, again_in):
            return await answers.mark_lost(conn, claim, batch_id, code, again_in, horizon)
        case UnmarkCalled(batch_id):
            return await batches.unmark_called(conn, claim, batch_id)
        case Expire(cause):
            return await batches.expire(conn, claim, cause)
        case AbandonOutstanding(code):
            return await answers.abandon_outstanding(conn, claim, code)
        case PostponePoll(batch_id, poll_in):
            return await answers.postpone_poll(conn, claim, batch_id, poll_in)
        case ApplyAnswer(batch_id, answer, changes, poll_in, lost, usual):
            said = None if lost is None else (lost.code, lost.again_in)
            return await answers.apply_answer(
                conn, cipher, claim, batch_id, answer, changes, poll_in, lost=said, usual=usual, horizon=horizon
            )
        case NoteAtTarget(asked, found):
            return await at_target.note_at_target(conn, claim, asked, found)
        case NoteArrived(ids):
            return await unanswered.note_arrived(conn, claim, ids)
        case NoteFault(fault):
            # Waiting for a service that is away is no attempt.
            return await note_fault(conn, claim, job_problem(fault.code), counts=fault.code != CIRCUIT_OPEN)
        case _:
            raise TypeError(type(intent))
