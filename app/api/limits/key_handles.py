"""Which keys there are, for when too many come that do not exist: read now and then, whoever asks."""

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final

# A key that was made since is answered with 429 for so long, and only where others have failed too often.
_AGAIN_AFTER: Final = 10.0


class KeyHandles:
    """The handles of all keys that count, read at most once in ten seconds."""

    def __init__(self, read: Callable[[], Awaitable[Collection[str]]], clock: Callable[[], float] = time.monotonic):
        self._read, self._clock = read, clock
        self._handles: Collection[str] = frozenset()
        self._read_at = float("-inf")

    async def has(self, handle: str) -> bool:
        """Tells whether there is such a key."""
        now = self._clock()
        if handle not in self._handles and now - self._read_at >= _AGAIN_AFTER:
            # Before the answer: of many that ask at once one reads, and the others go by what is known.
            self._read_at = now
            self._handles = frozenset(await self._read())
        return handle in self._handles
