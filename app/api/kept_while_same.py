"""What takes long to make, kept for as long as what it was made of is the same."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class KeptWhileSame(Generic[T]):
    """Keeps things of `most` in size all together, the last ones that were asked for; each for so many `seconds`.

    Each has a place, and a state that tells what it was made of: of another state it is not given.
    """

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._kept: OrderedDict[Hashable, tuple[Hashable, float, int, T]] = OrderedDict()

    def get(self, place: Hashable, state: Hashable) -> T | None:
        """Gives what is kept at a place, made of this state and not too long ago."""
        if (found := self._kept.get(place)) is None:
            return None
        made_of, until, _, thing = found
        if made_of != state or self._clock() >= until:
            del self._kept[place]
            return None
        self._kept.move_to_end(place)
        return thing

    def keep(self, place: Hashable, state: Hashable, size: int, thing: T) -> None:
        """Keeps a thing in place of what was there, unless it is too large; others go where they are too many."""
        self._kept.pop(place, None)
        if size > self._most:
            return
        self._kept[place] = (state, self._clock() + self._seconds, size, thing)
        while sum(size for _, _, size, _ in self._kept.values()) > self._most:
            self._kept.popitem(last=False)
