"""What a job does next: pure decisions over what the database says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from app.domain.outcome import Counts, job_result
from app.domain.retry import given_up, wait_after_fault

# Batches of one job that are out at once: enough to use the limit while Skolverket works, few enough to stay fair.
IN_FLIGHT = 4
# Claims in a row that ended with a dead worker, until the job itself is the suspect.
MAX_LOSSES = 5


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch without its final answer."""

    id: UUID
    status: str
    next_poll_at: datetime | None


@dataclass(frozen=True, slots=True)
class View:
    """A job as it stands, at the database's time `now`."""

    now: datetime
    counts: Counts
    batches: Sequence[OpenBatch]
    # Pending records that may go now, and when the next other one may.
    ready: int
    next_ready_at: datetime | None
    cancelled: bool
    on_record_error: str
    fault_since: datetime | None
    contact_at: datetime | None
    losses: int


@dataclass(frozen=True, slots=True)
class Work:
    """What one step does: sends what is written, asks for what is due, writes so many new batches."""

    send: Sequence[UUID] = ()
    ask: Sequence[UUID] = ()
    write: int = 0

    def __bool__(self) -> bool:
        return bool(self.send or self.ask or self.write)


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that came to nothing: our code for why, and how long the other side asks us to wait."""

    code: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is at its end."""

    status: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """What has not left ends in error: faults have lasted too long."""


@dataclass(frozen=True, slots=True)
class Snooze:
    """The job rests for so long; without a fault this costs no attempt."""

    delay: timedelta
    fault: Fault | None = None


Decision = Finish | GiveUp | Snooze


def work(view: View) -> Work:
    """Gives what there is to do now."""
    if view.losses >= MAX_LOSSES:
        return Work()
    ask = [b.id for b in view.batches if b.status == "accepted" and b.next_poll_at and b.next_poll_at <= view.now]
    if view.cancelled:
        return Work(ask=ask)
    send = [b.id for b in view.batches if b.status == "written"]
    free = max(0, IN_FLIGHT - len(view.batches))
    return Work(send=send, ask=ask, write=free if view.ready else 0)


def conclude(view: View, faults: Sequence[Fault], horizon: timedelta, random: Random) -> Decision:
    """Gives what becomes of a job after a step: its end, or when it goes on."""
    if view.losses >= MAX_LOSSES:
        return Finish("failed", "worker_lost")
    if view.cancelled:
        if not view.batches:
            done = view.counts.pending == 0
            return Finish(job_result(view.counts, view.on_record_error) if done else "cancelled")
    elif not view.batches and view.counts.pending == 0:
        return Finish(job_result(view.counts, view.on_record_error))
    if not view.cancelled and given_up(view.fault_since, view.now, horizon):
        if view.contact_at is None:
            return Finish("failed", "no_contact")
        if view.counts.pending or any(batch.status == "written" for batch in view.batches):
            return GiveUp()
    if faults:
        faulty_for = view.now - view.fault_since if view.fault_since else timedelta()
        asked = max((fault.retry_after for fault in faults if fault.retry_after), default=None)
        return Snooze(wait_after_fault(faulty_for, asked, random), faults[0])
    return Snooze(_until_next(view))


def _until_next(view: View) -> timedelta:
    if work(view):
        return timedelta()
    times = [batch.next_poll_at for batch in view.batches if batch.next_poll_at]
    if view.next_ready_at and not view.cancelled:
        times.append(view.next_ready_at)
    return max(min(times) - view.now, timedelta()) if times else timedelta(seconds=1)
