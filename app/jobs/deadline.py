"""The local end of a step: no call begins when there is no time left to hear its answer."""

import time
from dataclasses import dataclass


class NoTime(Exception):
    """The step has no time left for another call: it goes on with the next claim."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a step, well before its lease: measured by a clock that only goes forward."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Begins a step of so many seconds."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Gives the seconds until the end."""
        return self.at - time.monotonic()

    def allow(self, seconds: float) -> None:
        """Raises NoTime when there is less left than something may take."""
        if self.left < seconds:
            raise NoTime
