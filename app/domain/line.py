"""The line in which calls wait for their permit: organisations in turn, each one's calls as they came."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


@dataclass(slots=True)
class Line(Generic[T]):
    """Calls that wait; of k organisations that have some, each has every k-th turn, however many it has."""

    _of: dict[Hashable, deque[T]] = field(default_factory=dict)
    # The organisations that have calls waiting, the one whose turn is next first.
    _turns: deque[Hashable] = field(default_factory=deque)

    def __len__(self) -> int:
        """Counts the calls that wait."""
        return sum(map(len, self._of.values()))

    def join(self, organisation: Hashable, call: T) -> None:
        """Puts a call behind the others of its organisation; a newcomer's first turn comes after everybody's."""
        if organisation not in self._of:
            self._of[organisation] = deque()
            self._turns.append(organisation)
        self._of[organisation].append(call)

    def next(self) -> T | None:
        """Takes out the call whose turn it is; its organisation's next one comes after all others'."""
        if not self._turns:
            return None
        organisation = self._turns.popleft()
        call = self._of[organisation].popleft()
        self._requeue(organisation)
        return call

    def leave(self, organisation: Hashable, call: T) -> bool:
        """Takes out a call that no longer waits; tells whether it was in the line."""
        calls = self._of.get(organisation)
        if calls is None or call not in calls:
            return False
        calls.remove(call)
        if not calls:
            del self._of[organisation]
            self._turns.remove(organisation)
        return True

    def _requeue(self, organisation: Hashable) -> None:
        if self._of[organisation]:
            self._turns.append(organisation)
        else:
            del self._of[organisation]
