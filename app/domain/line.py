"""The line in which calls wait for their permit: organisations in turn, each one's calls as they came."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


@dataclass(slots=True)
class Line(Generic[T]):
    """Calls that wait, in rounds: of k organisations that have some, each has one turn a round, however many it has.

    Who has one call after the other, and waits for each answer before the next, has its turn in every round too: a
    newcomer that has had none in this round comes before those whose earlier calls have been served.
    """

    _of: dict[Hashable, deque[T]] = field(default_factory=dict)
    # Of organisations that have calls waiting: the round of its next turn, whether it has waited since the turn before,
    # and a number in the order of coming.
    _next: dict[Hashable, tuple[int, bool, int]] = field(default_factory=dict)
    # The round under way, and those that have had their turn in it.
    _round: int = 0
    _had: set[Hashable] = field(default_factory=set)
    _number: int = 0

    def __len__(self) -> int:
        """Counts the calls that wait."""
        return sum(map(len, self._of.values()))

    def join(self, organisation: Hashable, call: T) -> None:
        """Puts a call behind the others of its organisation."""
        if organisation not in self._of:
            self._of[organisation] = deque()
            self._enter(organisation, waited=False)
        self._of[organisation].append(call)

    def next(self) -> T | None:
        """Takes out the call whose turn it is; its organisation's next one belongs to the next round."""
        if not self._of:
            return None
        organisation = min(self._next, key=self._next.__getitem__)
        if self._next[organisation][0] > self._round:
            self._round += 1
            self._had.clear()
        self._had.add(organisation)
        call = self._of[organisation].popleft()
        if self._of[organisation]:
            self._enter(organisation, waited=True)
        else:
            self._forget(organisation)
        return call

    def leave(self, organisation: Hashable, call: T) -> bool:
        """Takes out a call that no longer waits; tells whether it was in the line."""
        calls = self._of.get(organisation)
        if calls is None or call not in calls:
            return False
        calls.remove(call)
        if not calls:
            self._forget(organisation)
        return True

    def _enter(self, organisation: Hashable, *, waited: bool) -> None:
        self._number += 1
        self._next[organisation] = (self._round + (organisation in self._had), waited, self._number)

    def _forget(self, organisation: Hashable) -> None:
        del self._of[organisation], self._next[organisation]
