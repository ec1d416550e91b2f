"""Places for what only a few may do at once in a process: given in turn to the organisations that wait for one.

Or to whoever else is told apart: keys, or addresses.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager


class Places:
    """So many places, and at most so many of them for one organisation.

    A place that becomes free goes to the next organisation that waits and may have one more; within an organisation to
    who has waited longest. So nobody waits for longer because another organisation asks for more.
    """

    def __init__(self, at_once: int, at_once_each: int) -> None:
        self._free = at_once
        self._each = at_once_each
        self._held = Counter[Hashable]()
        # The organisation whose turn it is first; none without somebody who waits.
        self._waiting = dict[Hashable, deque[asyncio.Future[None]]]()

    @asynccontextmanager
    async def take(self, organisation_id: Hashable, timeout: float | None = None) -> AsyncIterator[None]:
        """Holds a place for as long as the context lasts; raises TimeoutError when none came within `timeout` s."""
        leave = await self.enter(organisation_id, timeout)
        try:
            yield
        finally:
            leave()

    async def enter(self, organisation_id: Hashable, timeout: float | None = None) -> Callable[[], None]:
        """Waits for a place, and gives what leaves it, once however often it is called; raises TimeoutError."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(organisation_id, deque()).append(waiting)
        self._give()
        try:
            async with asyncio.timeout(timeout):
                await waiting
        except BaseException:
            if waiting.done() and not waiting.cancelled():
                self._leave(organisation_id)
            else:
                self._forget(organisation_id, waiting)
                self._give()
            raise
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                self._leave(organisation_id)

        return leave

    def _leave(self, organisation_id: Hashable) -> None:
        self._free += 1
        self._held[organisation_id] -= 1
        if not self._held[organisation_id]:
            del self._held[organisation_id]
        self._give()

    def _give(self) -> None:
        """Gives the free places to those whose turn it is."""
        while self._free and (following := self._following()) is not None:
            waiting = self._waiting[following].popleft()
            others = self._waiting.pop(following)
            if others:
                self._waiting[following] = others
            # Who is cancelled just now has let go of it already.
            if not waiting.done():
                self._free -= 1
                self._held[following] += 1
                waiting.set_result(None)

    def _following(self) -> Hashable | None:
        return next((each for each in self._waiting if self._held[each] < self._each), None)

    def _forget(self, organisation_id: Hashable, waiting: asyncio.Future[None]) -> None:
        others = self._waiting.get(organisation_id, deque())
        if waiting in others:
            others.remove(waiting)
        if not others:
            self._waiting.pop(organisation_id, None)
