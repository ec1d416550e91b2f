"""Reads that several wait for at once, made once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

_Read = TypeVar("_Read")


class SharedReads:
    """Reads under way, by what they read."""

    def __init__(self) -> None:
        self._reading: dict[Hashable, asyncio.Future[Any]] = {}

    async def read(self, what: Hashable, read: Callable[[], Awaitable[_Read]]) -> _Read:
        """Reads, or waits with those who read the same; whoever goes leaves the others theirs."""
        if what not in self._reading:
            self._reading[what] = reading = asyncio.ensure_future(read())
            reading.add_done_callback(lambda done: self._end(what, done))
        return cast("_Read", await asyncio.shield(self._reading[what]))

    def _end(self, what: Hashable, reading: asyncio.Future[Any]) -> None:
        del self._reading[what]
        # When all who waited have gone, asyncio would complain of a failure that nobody looked at.
        if not reading.cancelled():
            reading.exception()
