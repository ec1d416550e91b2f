"""What becomes of a job after a step: its end, or when it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from app.domain.open_work import JobSnapshot, until_next, work
from app.domain.outcome import job_result
from app.domain.retry import given_up, until_given_up, wait_after_fault

# The code of a fault that is none of the job's own: the service is away, and everybody waits for the next probe.
CIRCUIT_OPEN = "circuit_open"


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that came to nothing: our code for why, and how long the other side asks us to wait.

    `tried` tells whether anything was called: what waits for a circuit has tried nothing.
    """

    code: str
    retry_after: timedelta | None = None
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is at its end; `code` is why, when it is not for its records, and `cause` the fault behind that."""

    status: str
    code: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Expire:
    """What has not left ends in error: it has been tried for too long; `cause` is the last fault."""

    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Snooze:
    """The job rests for `delay`; the others tell whether its run was cancelled or paused when this was decided."""

    delay: timedelta
    cancelled: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """The job waits for the end of its run's pause: nothing of it is out, and what has not left does not leave."""


Decision = Finish | Expire | Snooze | Hold


def conclude(
    job: JobSnapshot, faults: Sequence[Fault], fault_horizon: timedelta, random: Random, *, looked_up: bool = False
) -> Decision:
    """Gives what becomes of `job` after a step that met `faults`; they are met with another try for `fault_horizon`.

    Nothing is given up without a try that has failed: waiting while nobody is called is none. A cancelled run ends once
    what it had called without an answer has been `looked_up` by the step, whatever came of it. With so many errors as
    were asked to be enough a job fails, whatever its run does with errors otherwise. Of a paused one nothing is given
    up: it waits as soon as nothing of it is out.
    """
    if job.kills:
        return Finish("failed", "worker_lost")
    if job.cancelled:
        if any(batch.status == "written" for batch in job.batches):
            # Opening the job anew discards what has not left.
            return Snooze(timedelta(), cancelled=True, paused=job.paused)
        if not job.batches:
            if job.look_up_at is not None and not looked_up:
                return Snooze(max(job.look_up_at - job.now, timedelta()), cancelled=True, paused=job.paused)
            done = job.counts.pending == 0 and not job.unasked
            return Finish(job_result(job.counts, job.on_record_error) if done else "cancelled")
    elif job.stopped:
        # What has been called is followed to its answer; what has only been written is discarded with the end.
        if all(batch.status == "written" for batch in job.batches):
            return Finish("failed", "too_many_errors")
    elif not job.batches and job.counts.pending == 0 and not job.unasked:
        return Finish(job_result(job.counts, job.on_record_error))
    elif job.paused and all(batch.status == "written" for batch in job.batches):
        return Hold()
    is_tried = any(fault.tried for fault in faults) and not job.sends_no_more
    if is_tried and given_up(job.tried_for, fault_horizon):
        if job.last_accepted_at is None:
            return Finish("failed", "no_contact", job.fault_code)
        if job.counts.pending or job.unasked or any(batch.status == "written" for batch in job.batches):
            return Expire(job.fault_code)
    return Snooze(_delay(job, faults, fault_horizon, random), job.cancelled, job.paused)


def _delay(job: JobSnapshot, faults: Sequence[Fault], fault_horizon: timedelta, random: Random) -> timedelta:
    if faults:
        return _after_faults(job, faults, fault_horizon, random)
    if work(job):
        return timedelta()
    wait = until_next(job)
    return timedelta(seconds=1) if wait is None else wait


def _after_faults(job: JobSnapshot, faults: Sequence[Fault], fault_horizon: timedelta, random: Random) -> timedelta:
    asked = max((fault.retry_after for fault in faults if fault.retry_after), default=None)
    if asked is not None and all(fault.code == CIRCUIT_OPEN for fault in faults):
        wait = asked * random.uniform(1.0, 1.2)
    else:
        wait = wait_after_fault(job.tried_for, asked, random)
    # Not past the moment at which another failed try is the last.
    left = until_given_up(job.tried_for, fault_horizon)
    return wait if left is None else min(wait, left)
