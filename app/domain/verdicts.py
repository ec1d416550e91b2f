"""What the target's answer about a batch means for its records."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from uuid import UUID

from app.domain.issues import Issue
from app.domain.outcome import Verdict
from app.domain.retry import wait_after_fault


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What an answer says of one object: the verdict (None for a status that is unknown) and the item as it came.

    `codes` are those of the messages in it.
    """

    object_id: UUID
    verdict: Verdict | None
    raw: bytes = field(repr=False)
    codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AwaitedBatch:
    """A batch that the target has taken; those of its records that wait, with how long each has been tried in vain.

    `asked_for` is for how long its answer has been asked for in vain; both count up to now.
    """

    remote_job_id: str
    polls: int
    age: timedelta
    asked_for: timedelta
    record_ids: Set[UUID]
    waiting: Mapping[UUID, timedelta]


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What becomes of one record; `sent` and `received` are the bytes of the object and of the answer about it.

    `codes` are those of the messages in what was received.
    """

    object_id: UUID
    status: str
    sent: bytes | None = field(default=None, repr=False)
    received: bytes | None = field(default=None, repr=False)
    codes: Sequence[str] = ()
    issues: Sequence[Issue] = ()
    # For one that goes back to pending: when it may go again, whether a failed try is why (the last one ends it), the
    # fault's code, how many may share its batch.
    again_in: timedelta | None = None
    faulty: bool = False
    cause: str | None = None
    max_together: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer changes: records; whether it is unfinished, how many of its objects are none of the batch's."""

    changes: Sequence[RecordChange]
    unfinished: bool
    foreign: int


def read_results(results: Iterable[ItemResult], batch: AwaitedBatch, random: Random) -> Reading:
    """Reads what `results` say of the records of `batch` that still wait for their answer."""
    changes: dict[UUID, RecordChange] = {}
    foreign, unfinished = 0, False
    for result in results:
        foreign += result.object_id not in batch.record_ids
        if result.object_id not in batch.waiting:
            continue
        if result.verdict is Verdict.OPEN:
            unfinished = True
        else:
            again_in = wait_after_fault(batch.waiting[result.object_id], None, random)
            changes[result.object_id] = _change(result, again_in)
    return Reading(list(changes.values()), unfinished, foreign)


def _change(result: ItemResult, again_in: timedelta) -> RecordChange:
    one, raw, codes = result.object_id, result.raw, result.codes
    match result.verdict:
        case Verdict.AGAIN:
            return RecordChange(one, "pending", received=raw, codes=codes, again_in=again_in, faulty=True)
        case None:
            return RecordChange(one, "error", received=raw, codes=codes, issues=[Issue("unknown_status")])
        case verdict:
            return RecordChange(one, verdict.value, received=raw, codes=codes)
