"""What of a job is open, and what there is to do about it now."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.outcome import Counts

# Batches of one job that are out at once. Five calls a second, two a batch, and some four seconds from a batch's first
# call to its answer when each call takes one and a half: ten fill the limit.
IN_FLIGHT = 16
# Deaths of processes at which a job was the only suspect in hand, and the time over which they came, until it is what
# kills them: one that falls with others, or with a machine that is short of memory for a while, is not.
MAX_SOLE_DEATHS = 3
SUSPECT_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch without its final answer; `status` is `written`, `called` or `accepted`."""

    id: UUID
    status: str
    next_poll_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWork:
    """What of a job is open, at the database's time `now`; `changes` is higher in a later one of the same job."""

    changes: int = 0
    now: datetime
    batches: Sequence[OpenBatch]
    # Whether pending records may go now; if not, when the next one may.
    ready: bool
    next_ready_at: datetime | None
    # Whether failed records are left of which it is not known if the target has them from before, and has to be.
    unasked: bool = False
    cancelled: bool
    paused: bool = False
    # When to look up what a cancelled run has called and whose answer never came; None when there is nothing.
    look_up_at: datetime | None = None
    # Deaths in a row at which it was the only suspect in hand, and how long ago the first of them was.
    sole_deaths: int = 0
    suspect_for: timedelta | None = None
    # When the target last answered a call of this job: without one, its faults are the job's and no single record's.
    last_accepted_at: datetime | None
    # How long the target usually takes to answer a batch of this kind.
    usual_answer: timedelta | None = None

    @property
    def kills(self) -> bool:
        """Tells whether it is what kills the processes that work on it."""
        return self.sole_deaths >= MAX_SOLE_DEATHS and (self.suspect_for or timedelta()) >= SUSPECT_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot(OpenWork):
    """A job as it stands: what is open, and what decides how it ends."""

    counts: Counts
    on_record_error: str
    # How many errors are enough for nothing more to be sent; None when all is tried.
    stop_at_errors: int | None = None
    # For how long it had been tried in vain at its last failed try, and our code for the fault.
    tried_for: timedelta = timedelta()
    fault_code: str | None = None

    @property
    def stopped(self) -> bool:
        """Tells whether so many of its records have ended in error that nothing more of it is sent."""
        return self.stop_at_errors is not None and self.counts.errors >= self.stop_at_errors

    @property
    def sends_no_more(self) -> bool:
        """Tells whether nothing new of it leaves: it is cancelled, paused or stopped."""
        return self.cancelled or self.paused or self.stopped


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do: send what is written, poll what is due, write so many new batches, look up the failed.

    Of a cancelled run it is what was called without an answer that is looked up.
    """

    send: Sequence[UUID] = ()
    poll: Sequence[UUID] = ()
    write: int = 0
    look_up: bool = False

    def __bool__(self) -> bool:
        return bool(self.send or self.poll or self.write or self.look_up)


def work(job: JobSnapshot, busy: Set[UUID] = frozenset()) -> Work:
    """Gives what there is to do for `job` now; `busy` are the batches that a step is already working on."""
    if job.kills:
        return Work()
    idle = [batch for batch in job.batches if batch.id not in busy]
    poll = [b.id for b in idle if b.status == "accepted" and b.next_poll_at and b.next_poll_at <= job.now]
    if job.cancelled:
        # The unanswered are looked up together too, and last.
        is_due = job.look_up_at is not None and job.look_up_at <= job.now
        return Work(poll=poll, look_up=is_due and not (job.batches or busy))
    if job.paused or job.stopped:
        return Work(poll=poll)
    send = [b.id for b in idle if b.status == "written"]
    free = max(0, IN_FLIGHT - len({batch.id for batch in job.batches} | busy))
    # The failed are looked up together, when no more can fail.
    settled = not (job.batches or busy or job.ready or job.next_ready_at)
    return Work(send=send, poll=poll, write=free if job.ready else 0, look_up=settled and job.unasked)


def until_next(job: JobSnapshot, busy: Set[UUID] = frozenset()) -> timedelta | None:
    """Gives how long there is nothing to do for `job`; None when nothing is foreseen."""
    times = [batch.next_poll_at for batch in job.batches if batch.next_poll_at and batch.id not in busy]
    if job.next_ready_at and not job.sends_no_more:
        times.append(job.next_ready_at)
    if job.look_up_at:
        times.append(job.look_up_at)
    return max(min(times) - job.now, timedelta()) if times else None
