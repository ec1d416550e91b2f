"""What takes long to find out and is right for some seconds: found out once for all who ask meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BrieflyKept(Generic[T]):
    """Keeps what was found for so many `seconds` of the `clock`.

    For some `more` it is still given while it is found out anew, so that nobody waits where somebody asks all the time.
    """

    def __init__(self, seconds: float, more: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._more, self._clock = seconds, more, clock
        self._kept: tuple[float, T] | None = None
        self._finding: asyncio.Task[T] | None = None

    async def get(self, find: Callable[[], Awaitable[T]]) -> T:
        """Gives what is kept, or what `find` gives; who comes meanwhile waits for that, and looks by no other way."""
        if self._kept is not None:
            at, kept = self._kept
            age = self._clock() - at
            if age >= self._seconds and self._finding is None:
                self._begin(find)
            if age < self._seconds + self._more:
                return kept
        # Whoever goes away leaves the others what they wait for.
        return await asyncio.shield(self._finding or self._begin(find))

    def forget(self) -> None:
        """Says that something has changed: whoever asks from now on is told of it."""
        self._kept = self._finding = None

    def _begin(self, find: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        async def found() -> T:
            return await find()

        self._finding = task = asyncio.create_task(found())
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[T]) -> None:
        failed = task.cancelled() or task.exception() is not None
        # What somebody has changed since is not in it for certain.
        if task is self._finding:
            self._finding = None
            if not failed:
                self._kept = (self._clock(), task.result())
