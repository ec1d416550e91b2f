"""What a job does next: pure decisions over what the database says of it."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from app.domain.outcome import Counts, job_result
from app.domain.retry import given_up, wait_after_fault

# Batches of one job that are out at once. Five calls a second, two a batch, and some four seconds from a batch's first
# call to its answer when each call takes one and a half: ten fill the limit. Slots go round, so that others get theirs.
IN_FLIGHT = 16
# The code of a fault that is none of the job's own: the service is away, and everybody waits for the next probe.
CIRCUIT_OPEN = "circuit_open"
# Claims in a row that ended with a dead worker, until the job itself is the suspect.
MAX_LOSSES = 5


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch without its final answer."""

    id: UUID
    status: str
    next_poll_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What of a job is open, at the database's time `now`."""

    now: datetime
    batches: Sequence[OpenBatch]
    # Whether pending records may go now; if not, when the next one may.
    ready: bool
    next_ready_at: datetime | None
    # Whether failed records are left of which it is not known if Skolverket holds them from before, and has to be.
    unasked: bool = False
    cancelled: bool
    losses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Outlook):
    """A job as it stands: what is open, and what decides how it ends."""

    counts: Counts
    on_record_error: str
    # Since when it has met only faults, and our code for the last of them.
    fault_since: datetime | None
    fault_code: str | None = None
    contact_at: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do: send what is written, ask for what is due, write so many new batches, look up the failed."""

    send: Sequence[UUID] = ()
    ask: Sequence[UUID] = ()
    write: int = 0
    look: bool = False

    def __bool__(self) -> bool:
        return bool(self.send or self.ask or self.write or self.look)


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that came to nothing: our code for why, and how long the other side asks us to wait."""

    code: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is at its end; `code` is why, when it is not for its records, and `cause` the fault behind that."""

    status: str
    code: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """What has not left ends in error: faults have lasted too long; `cause` is the last one."""

    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Snooze:
    """The job rests for so long; without a fault this costs no attempt."""

    delay: timedelta
    fault: Fault | None = None


Decision = Finish | GiveUp | Snooze


def work(seen: Outlook, busy: Set[UUID] = frozenset()) -> Work:
    """Gives what there is to do now; `busy` are the batches with which this worker is already at it."""
    if seen.losses >= MAX_LOSSES:
        return Work()
    idle = [batch for batch in seen.batches if batch.id not in busy]
    ask = [b.id for b in idle if b.status == "accepted" and b.next_poll_at and b.next_poll_at <= seen.now]
    if seen.cancelled:
        return Work(ask=ask)
    send = [b.id for b in idle if b.status == "written"]
    free = max(0, IN_FLIGHT - len({batch.id for batch in seen.batches} | busy))
    # The failed are asked for together, when no more can fail.
    settled = not (seen.batches or busy or seen.ready or seen.next_ready_at)
    return Work(send=send, ask=ask, write=free if seen.ready else 0, look=settled and seen.unasked)


def until_next(seen: Outlook, busy: Set[UUID] = frozenset()) -> timedelta | None:
    """Gives how long there is nothing to do; None when nothing is foreseen."""
    times = [batch.next_poll_at for batch in seen.batches if batch.next_poll_at and batch.id not in busy]
    if seen.next_ready_at and not seen.cancelled:
        times.append(seen.next_ready_at)
    return max(min(times) - seen.now, timedelta()) if times else None


def conclude(view: View, faults: Sequence[Fault], horizon: timedelta, random: Random) -> Decision:
    """Gives what becomes of a job after a step: its end, or when it goes on."""
    if view.losses >= MAX_LOSSES:
        return Finish("failed", "worker_lost")
    if view.cancelled:
        if not view.batches:
            done = view.counts.pending == 0 and not view.unasked
            return Finish(job_result(view.counts, view.on_record_error) if done else "cancelled")
    elif not view.batches and view.counts.pending == 0 and not view.unasked:
        return Finish(job_result(view.counts, view.on_record_error))
    if not view.cancelled and given_up(view.fault_since, view.now, horizon):
        if view.contact_at is None:
            return Finish("failed", "no_contact", view.fault_code)
        if view.counts.pending or view.unasked or any(batch.status == "written" for batch in view.batches):
            return GiveUp(view.fault_code)
    if faults:
        return Snooze(_after_faults(view, faults, horizon, random), faults[0])
    if work(view):
        return Snooze(timedelta())
    wait = until_next(view)
    return Snooze(timedelta(seconds=1) if wait is None else wait)


def _after_faults(view: View, faults: Sequence[Fault], horizon: timedelta, random: Random) -> timedelta:
    asked = max((fault.retry_after for fault in faults if fault.retry_after), default=None)
    if asked is not None and all(fault.code == CIRCUIT_OPEN for fault in faults):
        wait = asked * random.uniform(1.0, 1.2)
    else:
        wait = wait_after_fault(view.now - view.fault_since if view.fault_since else timedelta(), asked, random)
    # Not past the moment at which it has lasted too long.
    left = view.fault_since + horizon - view.now if view.fault_since else timedelta()
    return min(wait, left) if left > timedelta() else wait
