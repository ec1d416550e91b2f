"""Who may send a roster at the moment, and how slowly: the few places for it, and the timeout with senders.

What is done with the bytes stands elsewhere.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from app.api.http.problems import Busy, TooSlow
from app.api.http.request_ids import let_next_begin
from app.db.places import Places

AT_ONCE = 4
# Whoever sends slowly is in the way of nobody but itself and, at worst, one other organisation's second roster.
AT_ONCE_EACH = 2
# A body that is no larger does not wait for those that are: its own places bound the memory of many alone.
SMALL_BYTES = 256 * 1024
SMALL_AT_ONCE = 64
SMALL_AT_ONCE_EACH = 32


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long is waited, in seconds; only waiting for the other side counts, never our own work.

    The pace (bytes a second, on average) is asked for after the first `start` seconds: the rosters of most schools are
    in by then over any line.
    """

    place: float = 20.0
    silence: float = 60.0
    start: float = 30.0
    pace: int = 64 * 1024
    body: float = 300.0
    small_body: float = 30.0

    def left(self, waited: float, taken: int) -> float:
        """Gives how long a sender's next bytes may take, after it was waited for and has sent as much as this."""
        allowed = min(self.body, max(self.start, taken / self.pace))
        return min(self.silence, allowed - waited)


class IntakePlaces:
    """The places for rosters that are read at once, in one process: few for large ones, and more for small ones."""

    def __init__(self) -> None:
        self.large = Places(AT_ONCE, AT_ONCE_EACH)
        self._small = Places(SMALL_AT_ONCE, SMALL_AT_ONCE_EACH)

    @asynccontextmanager
    async def take(self, organisation_id: UUID, length: int | None, timeout: float) -> AsyncIterator[None]:
        """Holds a place for a body of this `length`, None for one that is not known.

        Raises Busy when none came within `timeout` seconds.
        """
        places = self._small if length is not None and length <= SMALL_BYTES else self.large
        async with AsyncExitStack() as held:
            try:
                await held.enter_async_context(places.take(organisation_id, timeout))
            except TimeoutError:
                raise Busy("Too many rosters are being sent at the moment; nothing of this one was stored.") from None
            yield


async def arriving(request: Request, timeout: Timeouts, count: Callable[[int], None]) -> AsyncGenerator[bytes]:
    """Gives a body's chunks and counts their bytes; raises TooSlow for a sender who takes more time than it has."""
    stream = aiter(request.stream())
    let_next_begin()
    waited, taken = 0.0, 0
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout.left(waited, taken)):
                chunk = await anext(stream)
        except TimeoutError:
            raise TooSlow("The body did not arrive in time.") from None
        except StopAsyncIteration:
            return
        waited += time.monotonic() - began
        taken += len(chunk)
        count(len(chunk))
        yield chunk
