"""How many calls may come in any second; whose they are does not matter, as all share one address at Skolverket."""

import math
from collections import deque
from dataclasses import dataclass

_WINDOW = 1.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The decision about one call, with what the X-RateLimit headers say about it."""

    allowed: bool
    limit: int
    remaining: int
    reset: int  # whole seconds until a place is free again

    def headers(self) -> dict[str, str]:
        """Gives the three headers that Skolverket documents; there is no Retry-After among them."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


class SlidingWindow:
    """A limit that holds for every second, not just for each second of a clock; refused calls take no place."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: deque[float] = deque()

    def admit(self, now: float) -> Allowance:
        """Decides about a call at a time (seconds of a monotonic clock, never going back)."""
        told = self.look(now)
        if not told.allowed:
            return told
        self._taken.append(now)
        return self._told(now, allowed=True)

    def look(self, now: float) -> Allowance:
        """Tells how a call would be decided, without taking a place for it."""
        while self._taken and now - self._taken[0] >= _WINDOW:
            self._taken.popleft()
        return self._told(now, allowed=len(self._taken) < self.limit)

    def _told(self, now: float, *, allowed: bool) -> Allowance:
        oldest = self._taken[0] if self._taken else now
        reset = max(1, math.ceil(oldest + _WINDOW - now))
        return Allowance(allowed, self.limit, self.limit - len(self._taken), reset)
