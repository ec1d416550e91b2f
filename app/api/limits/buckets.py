"""Token buckets, one for each of those who ask. Knows no clock and nobody's name."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MOST: Final = 10_000

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second for ever, and at most so many at once after a while without any."""

    per_second: float
    burst: float

    @property
    def window(self) -> float:
        """Gives after how many seconds an empty bucket is full."""
        return self.burst / self.per_second


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bucket is: what is `left` in it, in how many seconds it is `full`, how long to `wait` for enough."""

    left: float
    full: float
    wait: float


class Buckets(Generic[_Key]):
    """The buckets that are not full, at most `most`: of more, that which was taken from least recently counts as full.

    Of each is kept the moment at which it is full again, and nothing else.
    """

    def __init__(self, rate: Rate, most: int = MOST) -> None:
        self.rate = rate
        self._most = most
        self._full_at: OrderedDict[_Key, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def standing(self, key: _Key, now: float, cost: float = 1.0) -> Standing:
        """Tells how a bucket is, and how long to wait until it has `cost`; takes nothing."""
        full = max(0.0, self._full_at.get(key, now) - now)
        left = self.rate.burst - full * self.rate.per_second
        # What is lost in rounding keeps nobody waiting.
        missing = cost - left
        return Standing(left, full, missing / self.rate.per_second if missing > 1e-6 else 0.0)

    def take(self, key: _Key, now: float, cost: float = 1.0) -> None:
        """Takes `cost` out of a bucket, for who was told not to wait."""
        full_at = self._full_at.pop(key, now)
        self._full_at[key] = max(full_at, now) + cost / self.rate.per_second
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
