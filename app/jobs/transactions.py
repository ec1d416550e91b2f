"""How each transaction that a step asks for is carried out in Postgres; all drivers of steps use this one table."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import answers, at_target, batches
from app.db.activity_queue import WakeUp, finish_job
from app.db.answer_times import learn_answer_time
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, LeaseLost, hold, load_snapshot, note_accepted, note_fault, snooze
from app.domain.conclusion import CIRCUIT_OPEN, Expire, Finish, Snooze
from app.domain.courses import Rules
from app.domain.intents import (
    AbandonOutstanding,
    AcceptBatch,
    ApplyAnswer,
    LearnAnswerTime,
    LoadBatch,
    LoadUnasked,
    MarkLost,
    NoteAtTarget,
    NoteFault,
    OpenJob,
    PostponePoll,
    RefreshWork,
    RefuseBatch,
    RequeueBatch,
    Stored,
    Transaction,
    UnmarkCalled,
    WriteBatch,
)
from app.jobs.problems import job_problem
from app.target import Published


async def carry_out(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    intent: Transaction,
    rules: Rules,
) -> Stored:
    """Carries `intent` out under `claim` in the caller's transaction; raises LeaseLost when the claim no longer holds.

    `rules` are those that the step goes by.
    """
    match intent:
        case LoadBatch(batch_id):
            return Stored(await answers.accepted_batch(conn, claim, batch_id))
        case LoadUnasked():
            return Stored(await at_target.unasked(conn, claim))
        case LearnAnswerTime(polls, age):
            await learn_answer_time(conn, claim.stage, rules.first_answer, polls, age)
            return Stored()
        case OpenJob():
            await batches.open_job(conn, claim)
            return Stored(work=await batches.load_job(conn, claim))
        case _:
            # Held until the commit, so that what is read as open afterwards has what all before it have written.
            await hold(conn, claim)
            result = await _changed(conn, cipher, published, claim, intent, rules.fault_horizon)
            return Stored(result, await load_snapshot(conn, claim))


async def settle(conn: AsyncConnection, claim: Claim, ending: Snooze | Finish) -> list[WakeUp]:
    """Ends a step as `ending` says, in the caller's transaction; gives the wake-ups to be sent after the commit.

    Raises LeaseLost when the claim no longer holds.
    """
    match ending:
        case Snooze(delay, cancelled):
            return [await snooze(conn, claim, delay, cancelled=cancelled)]
        case Finish(status, code, cause):
            problem = job_problem(code or "records_failed", cause) if status == "failed" else None
            wake_ups = await finish_job(conn, claim.job_id, claim.number, status, problem)
            if wake_ups is None:
                raise LeaseLost
            return wake_ups


async def _changed(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    intent: Transaction,
    horizon: timedelta,
) -> object:
    match intent:
        case RefreshWork():
            pass
        case WriteBatch():
            return await batches.write_batch(conn, cipher, published, claim) is not None
        case AcceptBatch(batch_id, http_status, remote_job_id, poll_in):
            await answers.accept_batch(conn, claim, batch_id, http_status, remote_job_id, poll_in)
            await note_accepted(conn, claim)
        case RefuseBatch(batch_id, http_status, answer, blamed):
            await answers.refuse_batch(conn, cipher, claim, batch_id, http_status, answer, blamed)
            await note_accepted(conn, claim)
        case RequeueBatch(batch_id, http_status, answer, again_in):
            await answers.requeue_batch(conn, cipher, claim, batch_id, http_status, answer, again_in, horizon)
        case MarkLost(batch_id, code, again_in):
            await answers.mark_lost(conn, cipher, claim, batch_id, code, again_in, horizon)
        case UnmarkCalled(batch_id):
            await batches.unmark_called(conn, claim, batch_id)
        case PostponePoll(batch_id, poll_in):
            await answers.postpone_batch(conn, claim, batch_id, poll_in)
        case ApplyAnswer(batch_id, answer, changes, poll_in, lost):
            await note_accepted(conn, claim)
            await answers.answer_batch(conn, cipher, claim, batch_id, answer, changes, poll_in, horizon)
            if lost is not None:
                await answers.mark_lost(conn, cipher, claim, lost.batch_id, lost.code, lost.again_in, horizon)
        case NoteAtTarget(asked, found):
            await at_target.note_at_target(conn, claim, asked, found)
            await note_accepted(conn, claim)
        case NoteFault(fault):
            # Waiting for a service that is away is no attempt.
            await note_fault(conn, claim, job_problem(fault.code), counts=fault.code != CIRCUIT_OPEN)
        case Expire(cause):
            await batches.discard_unsent(conn, claim)
            await batches.expire(conn, claim, cause)
            await at_target.assume_nothing_at_target(conn, claim)
        case AbandonOutstanding(code):
            await answers.abandon_outstanding(conn, cipher, claim, code)
        case _:
            raise TypeError(type(intent))
    return None
