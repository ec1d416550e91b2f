"""The local end of a step: no call begins without time to hear its answer, nor in a process that is to end."""

import asyncio
import time
from dataclasses import dataclass, field


class NoTime(Exception):
    """The step has no time left for another call: the job goes on with the next claim."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a step, well before its lease: measured by a clock that only goes forward."""

    at: float
    # Set when the process is told to end: what is under way comes to its end, and nothing begins.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def after(cls, seconds: float, stopping: asyncio.Event | None = None) -> "Deadline":
        """Begins a step of so many seconds."""
        return cls(time.monotonic() + seconds, stopping or asyncio.Event())

    @property
    def left(self) -> float:
        """Gives the seconds until the end."""
        return self.at - time.monotonic()

    def allows(self, seconds: float) -> bool:
        """Tells whether something that may take so long can begin."""
        return self.left >= seconds and not self.stopping.is_set()

    def allow(self, seconds: float, *, begun: bool = False) -> None:
        """Raises NoTime when it can't; what has `begun` may go on in a process that is to end."""
        if self.left < seconds or (self.stopping.is_set() and not begun):
            raise NoTime
