"""What intakes may have of a process that serves others as well: its event loop for a few milliseconds at a time, and
a few of its connections.
"""

import asyncio
import time
from types import TracebackType
from typing import Final

from app.db.places import Places

# Work, then rest: an answer to anybody else takes some ten exchanges with Postgres, and several fit into one rest.
_WORK_SECONDS: Final = 0.004
_REST_SECONDS: Final = 0.001

_CONNECTIONS: Final = 4
_CONNECTIONS_EACH: Final = 2


class LoopShare:
    """Shared by all intakes of a process: as a context, the right to work on the loop, which one has at a time.

    All rest together: the work of several would leave nobody a rest. A step that cannot be interrupted is followed by
    a rest that is as much longer. `connections` are the places for whoever stores.
    """

    def __init__(self) -> None:
        self.connections = Places(_CONNECTIONS, _CONNECTIONS_EACH)
        self._working = asyncio.Lock()
        self._worked = self._since = 0.0

    async def __aenter__(self) -> "LoopShare":
        await self._working.acquire()
        self._since = time.perf_counter()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            await self.rest()
            self._worked += time.perf_counter() - self._since
        finally:
            self._working.release()

    async def rest(self) -> None:
        """Rests if enough has been worked since the last rest."""
        worked = self._worked + time.perf_counter() - self._since
        if worked >= _WORK_SECONDS:
            await asyncio.sleep(worked * _REST_SECONDS / _WORK_SECONDS)
            self._worked, self._since = 0.0, time.perf_counter()
