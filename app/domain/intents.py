"""What a step wants done, and what came of it: the words between the step's decisions and whoever carries them out.

An intent is either a transaction (`Transaction`, carried out under the job's claim) or a call of the target (`Call`).
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.conclusion import Expire, Fault, Finish, Hold, Snooze
from app.domain.open_work import JobSnapshot
from app.domain.verdicts import ItemResult, RecordChange

# Transactions. Those that change what is open are answered with what is open afterwards (`Stored.work`).


@dataclass(frozen=True, slots=True)
class RefreshWork:
    """Read again what is open: time has passed."""


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """Write down the next batch."""


@dataclass(frozen=True, slots=True)
class LoadBatch:
    """Read what is needed to poll a batch; the result is an AwaitedBatch, or None when nobody waits for it."""

    batch_id: UUID


@dataclass(frozen=True, slots=True)
class AcceptBatch:
    """Note that the target took a batch, and when to poll it."""

    batch_id: UUID
    http_status: int
    remote_job_id: str
    poll_in: timedelta


@dataclass(frozen=True, slots=True)
class RefuseBatch:
    """Note a refusal that concerns what was sent; `blamed` are the records that it names, with what it says of each."""

    batch_id: UUID
    http_status: int
    answer: bytes = field(repr=False)
    blamed: Mapping[UUID, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequeueBatch:
    """Note a refusal that passes: the records of the batch go again after `again_in`, but for those given up."""

    batch_id: UUID
    http_status: int
    answer: bytes = field(repr=False)
    again_in: timedelta


@dataclass(frozen=True, slots=True)
class MarkLost:
    """Note that nobody knows what became of a batch: its records go again after `again_in`, or with None end.

    Those that have been tried for too long are given up.
    """

    batch_id: UUID
    code: str
    again_in: timedelta | None


@dataclass(frozen=True, slots=True)
class UnmarkCalled:
    """Take back the note that a batch was called: it certainly has not left."""

    batch_id: UUID


@dataclass(frozen=True, slots=True)
class PostponePoll:
    """Note when to poll a batch again whose answer could not be had now."""

    batch_id: UUID
    poll_in: timedelta


@dataclass(frozen=True, slots=True)
class ApplyAnswer:
    """Store an answer about a batch with what it changes; with `lost` close the batch although some records wait.

    `usual_answer` is how long answers usually take, where that has been learned from this one.
    """

    batch_id: UUID
    answer: bytes = field(repr=False)
    changes: Sequence[RecordChange]
    poll_in: timedelta
    lost: MarkLost | None = None
    usual_answer: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LoadUnasked:
    """List failed records of which it is not known whether the target has them; the result is their ids."""


@dataclass(frozen=True, slots=True)
class NoteAtTarget:
    """Keep which of the failed records that were `asked` for the target has from before."""

    asked: Sequence[UUID]
    at_target: Set[UUID]


@dataclass(frozen=True, slots=True)
class LoadUnanswered:
    """List records behind a place whose last call got no answer; the result is `Unanswered` of each, in their order."""

    after: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A record of which nobody knows whether it has arrived; `plain` is None when what was sent can't be read."""

    id: UUID
    ordinal: int
    plain: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoteArrived:
    """Note that the target has these records as they were sent."""

    ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class NoteFault:
    """Keep a fault for those who look at the job meanwhile."""

    fault: Fault
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class AbandonOutstanding:
    """Close everything that is out, for a job that ends without its answers."""

    code: str


Transaction = (
    RefreshWork
    | WriteBatch
    | LoadBatch
    | AcceptBatch
    | RefuseBatch
    | RequeueBatch
    | MarkLost
    | UnmarkCalled
    | PostponePoll
    | ApplyAnswer
    | LoadUnasked
    | NoteAtTarget
    | LoadUnanswered
    | NoteArrived
    | NoteFault
    | Expire
    | AbandonOutstanding
    | Snooze
    | Hold
    | Finish
)

# Calls


@dataclass(frozen=True, slots=True)
class Send:
    """Mark a batch as called when its permit comes, and send it."""

    batch_id: UUID


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask what became of a batch."""

    batch_id: UUID
    remote_job_id: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask which of these objects the target has."""

    ids: Sequence[UUID]


Call = Send | Poll | LookUp
Intent = Transaction | Call

# What came of a call


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch was taken, and will be answered under `remote_job_id`."""

    http_status: int
    remote_job_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A poll was answered: the bytes that came, what they say of each object, how long the call waited to leave."""

    answer: bytes = field(repr=False)
    results: Sequence[ItemResult]
    waited: timedelta


@dataclass(frozen=True, slots=True)
class Found:
    """A lookup was answered: the objects that the target has, without the fields that it sets itself."""

    objects: Mapping[UUID, Mapping[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The request as such is refused; `blamed` are the objects that the refusal names."""

    http_status: int
    answer: bytes = field(default=b"", repr=False)
    blamed: Mapping[UUID, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The call came to nothing; `marked` tells whether its batch has been marked as called."""

    fault: Fault
    http_status: int | None = None
    answer: bytes = field(default=b"", repr=False)
    marked: bool = False


@dataclass(frozen=True, slots=True)
class NotMade:
    """The call has not left; `out_of_time`: since none may leave any more. `marked` as above."""

    out_of_time: bool
    marked: bool = False


CallOutcome = Accepted | Answered | Found | Refused | Failed | NotMade

# What a step is told


@dataclass(frozen=True, slots=True)
class Stored:
    """A transaction is committed: its result, and what is open afterwards if it changed that."""

    result: object = None
    work: JobSnapshot | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What the step asked for under that number has ended."""

    number: int
    outcome: Stored | CallOutcome


@dataclass(frozen=True, slots=True)
class Broke:
    """What the step asked for under that number failed for reasons of ours: the step comes to its end undecided."""

    number: int


@dataclass(frozen=True, slots=True)
class Permitted:
    """The call of that number has its permit: the next one may be chosen."""

    number: int


@dataclass(frozen=True, slots=True)
class Woken:
    """The pause that the step named is over."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """No further call may be made: the process ends, or has lost the right to call."""


Event = Done | Broke | Permitted | Woken | TimeUp


@dataclass(frozen=True, slots=True)
class Begun:
    """An intent that begins now, and the number by which the step is told what came of it."""

    number: int
    intent: Intent


@dataclass(frozen=True, slots=True)
class Turn:
    """What a driver does next: begin these, then tell the step the next event; none within `wake_in` is one too."""

    begin: Sequence[Begun]
    wake_in: timedelta | None = None


def name_of(intent: type[Intent]) -> str:
    """Gives the name of a kind of intent in logs and crash points, such as `write_batch`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", intent.__name__).lower()
