"""How one object of a roster stands by itself: there, under way, to be sent, or kept by something in the last run."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain.kinds import Kind, tells_school
from app.domain.lifecycle import FINISHED_JOB
from app.domain.roster_state import Alike, Id, Roster, Seen


class State(StrEnum):
    """How far a pupil has come, the best first; who is in no group of an activity takes no part in the exam."""

    THROUGH = "through"
    UNDER_WAY = "under_way"
    NOT_SENT = "not_sent"
    HINDERED = "hindered"
    NOT_IN_EXAM = "not_in_exam"


class Cause(NamedTuple):
    """The first thing that is missing: an object, whose record says why, or something that has the `code` for many."""

    kind: Kind
    object_id: Id | None = None
    code: str | None = None

    @property
    def tells_school(self) -> bool:
        """Tells whether who is kept by it is known to go to a school: it is a group or an activity."""
        return self.object_id is not None and tells_school(self.kind)


class Standing(NamedTuple):
    """A state, with the cause where something has to be done."""

    state: State
    cause: Cause | None = None


# Why a job has failed at its own records.
RECORDS_FAILED: Final = "records_failed"

THROUGH: Final = Standing(State.THROUGH)
UNDER_WAY: Final = Standing(State.UNDER_WAY)


class LastRun:
    """Where the last run has stopped, and what that means for an object that waits behind."""

    def __init__(self, roster: Roster) -> None:
        self.live = {stage.kind: stage.status not in FINISHED_JOB for stage in roster.stages}
        self._stopped = self._stop(roster)

    def missing_of(self, kind: Kind, alike: Alike) -> Iterator[tuple[Id, Standing]]:
        """Gives those who are not there as they should be, each with how it stands."""
        if alike.seen.current or not alike.ids:
            return
        first = self.standing(kind, alike.ids[0], alike.seen)
        if first.cause != Cause(kind, alike.ids[0]):
            yield from ((each, first) for each in alike.ids)
        else:
            yield from ((each, Standing(first.state, Cause(kind, each))) for each in alike.ids)

    def standing(self, kind: Kind, object_id: Id, seen: Seen) -> Standing:
        """Tells how an object stands by itself."""
        if seen.current:
            return THROUGH
        if not seen.sendable:
            return Standing(State.HINDERED, Cause(kind, object_id))
        return self.missing(kind, object_id, seen)

    def missing(self, kind: Kind, object_id: Id, seen: Seen) -> Standing:
        """Tells how an object stands that is not there, or not with what it should have."""
        if seen.status is None and not seen.known:
            return Standing(State.NOT_SENT, Cause(kind, None, "never_sent"))
        if seen.status is None or not seen.same:
            return Standing(State.NOT_SENT, Cause(kind, None, "changed_since"))
        match seen.status:
            case "pending" | "sent":
                return UNDER_WAY if self.live.get(kind) else self._stopped
            case "error" | "skipped":
                return Standing(State.HINDERED, Cause(kind, object_id))
        return Standing(State.NOT_SENT, Cause(kind, None, "changed_since"))

    @staticmethod
    def _stop(roster: Roster) -> Standing:
        failed = next((stage for stage in roster.stages if stage.status == "failed"), None)
        if failed is None:
            ended = next((stage.kind for stage in roster.stages if stage.status == "cancelled"), Kind.PERSONS)
            return Standing(State.NOT_SENT, Cause(ended, None, "run_cancelled"))
        if failed.code not in (None, RECORDS_FAILED):
            return Standing(State.HINDERED, Cause(failed.kind, None, failed.code))
        wrong = [each for seen, each in _objects(roster, failed.kind) if _is_wrong(seen)]
        if not wrong:
            return Standing(State.NOT_SENT, Cause(failed.kind, None, "mended_since"))
        one = Cause(failed.kind, wrong[0]) if len(wrong) == 1 else Cause(failed.kind, None, RECORDS_FAILED)
        return Standing(State.HINDERED, one)


def _is_wrong(seen: Seen) -> bool:
    return seen.status == "error" and seen.same and not seen.current


def _objects(roster: Roster, kind: Kind) -> Iterator[tuple[Seen, Id]]:
    match kind:
        case Kind.PERSONS | Kind.DUTIES:
            for alike in roster.persons if kind is Kind.PERSONS else roster.duties:
                yield from ((alike.seen, each) for each in alike.ids)
        case _:
            members = roster.groups if kind is Kind.GROUPS else roster.activities
            yield from ((each.seen, each.id) for each in members)
