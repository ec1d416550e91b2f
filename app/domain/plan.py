"""What a run would do with each object of a roster, decided without a call, in the order in which it would go.

What the target itself would say is not known here: what our rules expect it to refuse goes all the same, and is told.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.domain.batching import BodyForm, CallCount, encode
from app.domain.issues import Issue
from app.domain.kinds import Kind
from app.domain.latest_upload import Standing, standing
from app.domain.roster import Item, Skip, blocked


class Decision(StrEnum):
    """What would happen to an object."""

    SEND = "send"
    # It breaks what is published, or no call can hold it: its record ends in `error`.
    KEPT_HERE = "kept_here"
    # It cannot be without another one that stays here: `skipped`.
    BLOCKED = "blocked"
    # It stays here for another reason that is no error: `skipped`.
    SKIPPED = "skipped"
    # The target has accepted a later upload of it: `unchanged`.
    UNCHANGED = "unchanged"
    # The chain stops in a stage before: `pending`.
    NOT_REACHED = "not_reached"
    # It is in no roster any more, and the target has it from us: nothing is removed.
    LEFT = "left"


# What somebody may allow of a person. One of them alone would tell, by who is still kept back, whom the other is about.
OF_PERSONS: Final = ("reused_id", "weaker_marking")
# What says of an object that stays here that the target has it from before, so that nobody is kept back.
AS_IF_KNOWN: Final = frozenset(OF_PERSONS)

# What is to stay here, and is no error.
_SKIPPED: Final = frozenset({"guardian"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object of a roster in its latest `upload`, as far as it matters for what becomes of it.

    `size` is that of its encoded form, in bytes. `accepted_upload` is of what the target has accepted last, None for
    nothing. `issues` are its record's: `sendable` says whether they let it go. With `withheld` it stays here without an
    error, and of `refused` our rules expect that the target refuses it.
    """

    id: UUID
    refs: Sequence[UUID]
    upload: int
    sendable: bool
    size: int
    accepted_upload: int | None = None
    issues: tuple[Issue, ...] = ()
    withheld: tuple[Issue, ...] = ()
    refused: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What would happen to an object, and why; `likely_refused` is one that goes and would hardly be accepted.

    `without` are the ids that it goes without.
    """

    decision: Decision
    issues: tuple[Issue, ...] = ()
    likely_refused: bool = False
    without: tuple[UUID, ...] = ()


@dataclass(slots=True)
class Stage:
    """What a run would do in one stage: how many objects of each decision, and how many sending calls it would take.

    `stops_here` says that the chain would stop after it, `may_stop_here` that it would if the target refuses what it is
    expected to refuse.
    """

    kind: Kind
    calls: CallCount
    is_reached: bool
    decisions: Counter[Decision] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    # The same as who sees names and nobody protected is told of all, and as who sees nobody's name is.
    open_marks: Counter[str] = field(default_factory=Counter)
    plain_marks: Counter[str] = field(default_factory=Counter)
    likely_refused: int = 0
    sent_without: int = 0
    stops_here: bool = False
    may_stop_here: bool = False

    def count(self, marks: Sequence[str], open_marks: Sequence[str], plain_marks: Sequence[str]) -> None:
        """Counts what an object's item says is different, as each of three is told."""
        self.marks.update(marks)
        self.open_marks.update(open_marks)
        self.plain_marks.update(plain_marks)

    @property
    def total(self) -> int:
        """Gives how many objects of the roster there are."""
        return self.decisions.total() - self.decisions[Decision.LEFT]


class Forecast:
    """Decides stage after stage, object after object, as a run with this `on_record_error` would; keeps count."""

    def __init__(self, form: BodyForm, on_record_error: str) -> None:
        self._form = form
        self._halts = on_record_error == "halt"
        # What others would miss: it stays here, and the target does not have it from before.
        self._missing: set[UUID] = set()
        self.stages: list[Stage] = []

    def begin(self, kind: Kind) -> Stage:
        """Begins the next stage."""
        reached = not any(stage.stops_here for stage in self.stages)
        self.stages.append(Stage(kind, CallCount(self._form), reached))
        return self.stages[-1]

    def refers_to_missing(self, candidate: Candidate) -> bool:
        """Tells whether the object itself is needed to decide: it refers to something that stays here."""
        return self.stages[-1].is_reached and candidate.sendable and not self._missing.isdisjoint(candidate.refs)

    def decide(self, candidate: Candidate, item: Item | None = None) -> Decided:
        """Decides what would happen to the next object of the stage; `item` is given where `refers_to_missing`."""
        stage = self.stages[-1]
        decided = self._decide(stage, candidate, item) if stage.is_reached else Decided(Decision.NOT_REACHED)
        stage.decisions[decided.decision] += 1
        stage.likely_refused += decided.likely_refused
        stage.stops_here |= self._halts and decided.decision is Decision.KEPT_HERE
        stage.may_stop_here |= self._halts and decided.likely_refused
        if self._is_missed(candidate, decided):
            self._missing.add(candidate.id)
        return decided

    def _decide(self, stage: Stage, candidate: Candidate, item: Item | None) -> Decided:
        if not candidate.sendable:
            is_no_error = any(each.code in _SKIPPED for each in candidate.issues)
            return Decided(Decision.SKIPPED if is_no_error else Decision.KEPT_HERE, candidate.issues)
        # Whether another run's call has it at this moment tells nothing of later.
        if standing(candidate.upload, candidate.accepted_upload, under_way=False) is Standing.NEWER_AT_TARGET:
            return Decided(Decision.UNCHANGED, (Issue("newer_at_target", "warning"),))
        if candidate.withheld:
            return Decided(Decision.SKIPPED, candidate.withheld)
        size, issues, without = candidate.size, candidate.issues, tuple[UUID, ...]()
        if item is not None:
            left = blocked(stage.kind, item, self._missing)
            if isinstance(left, Skip):
                return Decided(Decision.BLOCKED, (Issue("blocked_by", ids=left.ids),))
            if without := left.without:
                size, issues = len(encode(left.item)), (*issues, Issue("sent_without", "warning", ids=without))
        if self._form.size((size,)) > self._form.max_bytes:
            return Decided(Decision.KEPT_HERE, (*candidate.issues, Issue("too_large")))
        stage.sent_without += bool(without)
        stage.calls.add(size)
        return Decided(Decision.SEND, (*issues, *candidate.refused), bool(candidate.refused), without)

    def _is_missed(self, candidate: Candidate, decided: Decided) -> bool:
        if decided.decision not in {Decision.KEPT_HERE, Decision.BLOCKED, Decision.SKIPPED}:
            return False
        as_if_known = decided.decision is Decision.SKIPPED and AS_IF_KNOWN.issuperset(
            each.code for each in decided.issues
        )
        return candidate.accepted_upload is None and not as_if_known


def as_sent(kind: Kind, item: Item, without: Sequence[UUID]) -> Item:
    """Gives the object as it goes without those ids."""
    left = blocked(kind, item, set(without)) if without else None
    return item if left is None or isinstance(left, Skip) else left.item
