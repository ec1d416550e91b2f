"""What is kept of a provider's documents, and how rarely they are read again: no request makes a call of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import structlog

from app.oidc.calls import ProviderUnavailable

# In seconds. What is there is read again so rarely, whatever is missing in it; what is not there yet, sooner.
AGAIN_AFTER: Final = 60.0
FIRST_AGAIN_AFTER: Final = 5.0
# It is read anew when it is so old, and not used any more when that has failed for so long.
GOOD_FOR: Final = 3600.0
NO_LONGER_THAN: Final = 86_400.0

_Document = TypeVar("_Document")
_log = structlog.stdlib.get_logger(__name__)


class Kept(Generic[_Document]):
    """A document that `read` reads; it raises ProviderUnavailable. One reads, others wait for it."""

    def __init__(
        self, what: str, read: Callable[[], Awaitable[_Document]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what, self._read, self._clock = what, read, clock
        self._document: _Document | None = None
        self._read_at = self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, has: Callable[[_Document], bool] = lambda _: True) -> _Document:
        """Gives the document, read anew where it is old or lacks what it should have; raises ProviderUnavailable."""
        if self._lacks(has) and (self._lock.locked() or self._may_ask()):
            async with self._lock:
                if self._lacks(has) and self._may_ask():
                    await self._read_again()
        if self._document is None or self._clock() - self._read_at > NO_LONGER_THAN:
            raise ProviderUnavailable("not_read")
        return self._document

    def _lacks(self, has: Callable[[_Document], bool]) -> bool:
        return self._document is None or self._clock() - self._read_at > GOOD_FOR or not has(self._document)

    def _may_ask(self) -> bool:
        return self._clock() - self._asked_at >= (FIRST_AGAIN_AFTER if self._document is None else AGAIN_AFTER)

    async def _read_again(self) -> None:
        # Before the answer: a provider that is away is asked as rarely.
        self._asked_at = now = self._clock()
        try:
            self._document, self._read_at = await self._read(), now
        except ProviderUnavailable as unavailable:
            _log.warning("sign-in provider unavailable", what=self._what, reason=unavailable.reason)
