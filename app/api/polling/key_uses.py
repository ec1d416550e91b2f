"""Which keys have been used lately: noted in memory by each request, and written by the minute, never by a request."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.acting import EVERYBODY, on_behalf_of
from app.db.keys import note_use
from app.logs import describe_exception

_EVERY: Final = 60.0
# So long a stop may wait for it.
_WITHIN: Final = 5.0

_log = structlog.stdlib.get_logger(__name__)


class KeyUses:
    """The keys that this process has seen used since it last wrote them down."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._used: set[UUID] = set()

    def note(self, key_id: UUID) -> None:
        """Notes that a key is used now."""
        self._used.add(key_id)

    async def run(self) -> None:
        """Writes once a minute, until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.write()

    async def write(self) -> None:
        """Writes what has been used since the last time; what can't be written now is so the next time."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            async with asyncio.timeout(_WITHIN), self._engine.begin() as conn:
                on_behalf_of(conn, EVERYBODY)
                await note_use(conn, used)
        except (SQLAlchemyError, OSError, TimeoutError) as problem:
            self._used |= used
            _log.warning("uses of keys not written", fault=describe_exception(problem))
