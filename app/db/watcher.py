"""The one session of a process that asks, twice a second, which versions are no longer those of now.

It keeps nothing itself, and needs nothing of the session: it works through any pooler.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

from app.db.acting import EVERYBODY
from app.db.engine import open_session
from app.db.outages import DatabaseUnusable, outage_of
from app.db.versions import CHANGED_VERSIONS
from app.domain.changes import Versions, is_fresh, until_next_question
from app.logs import describe_exception

# A session whose question stays open for so long is cut: whatever lies between swallows what is sent.
_ANSWERS_WITHIN: Final = 5.0
_CONNECTS_AGAIN_AFTER: Final = 1.0
_LOOKS_EVERY: Final = 0.1

_log = structlog.stdlib.get_logger(__name__)


class Watcher:
    """Asks about what `watched` gives, and tells `answered` what was asked, what of it has changed, and when.

    `lapsed` is called when no question has been answered for a second.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str,
        watched: Callable[[], Versions],
        answered: Callable[[Versions, Versions, float], None],
        lapsed: Callable[[], None],
    ) -> None:
        self._address, self._name = address, name
        self._watched, self._answered, self._lapsed = watched, answered, lapsed
        self._session: psycopg.AsyncConnection | None = None
        # When the open question was asked, and the last one that was answered.
        self._asked_at: float | None = None
        self._right_at: float | None = None
        self._trouble: str | None = None

    @property
    def fresh(self) -> bool:
        """Tells whether a question of less than a second ago has its answer."""
        return is_fresh(self._right_at, now())

    async def run(self) -> None:
        """Asks until it is cancelled, in a new session whenever one is lost."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_the_clock())
            tasks.create_task(self._ask_in_sessions())

    async def _ask_in_sessions(self) -> None:
        while True:
            try:
                async with await open_session(self._address, name=self._name) as session:
                    # Which versions have changed, of all organisations.
                    session.acting = EVERYBODY
                    self._session = session
                    while True:
                        asked_at = await self._ask(self._session)
                        await asyncio.sleep(until_next_question(asked_at, now()))
            except (psycopg.Error, OSError, TimeoutError, DatabaseUnusable) as problem:
                self._log_trouble(outage_of(problem).code)
            except Exception as problem:
                _log.error("watcher failed", fault=describe_exception(problem))
            finally:
                self._session = self._asked_at = None
            await asyncio.sleep(_CONNECTS_AGAIN_AFTER)

    async def _ask(self, session: psycopg.AsyncConnection) -> float:
        asked, asked_at = self._watched(), now()
        self._asked_at = asked_at
        runs, keys, logs = list(asked.runs), list(asked.keys), list(asked.logs)
        values = [[each[part] for each in those] for those in (runs, keys) for part in (0, 1)]
        values += [
            [organisation_id for organisation_id, _ in logs],
            [str(stamp.changed_in) for _, stamp in logs],
            [stamp.row_id for _, stamp in logs],
        ]
        rows = await (await session.execute(CHANGED_VERSIONS, values)).fetchall()
        self._asked_at, self._right_at = None, asked_at
        changed = Versions(
            frozenset(runs[number - 1] for what, number in rows if what == "run"),
            frozenset(keys[number - 1] for what, number in rows if what == "key"),
            frozenset(logs[number - 1] for what, number in rows if what == "log"),
        )
        self._answered(asked, changed, asked_at)
        if self._trouble is not None:
            _log.info("answering from memory again")
            self._trouble = None
        return asked_at

    async def _look_at_the_clock(self) -> None:
        """Notices what no event says: that nothing is fresh any longer, that a question stays open."""
        lapsed = None
        while True:
            await asyncio.sleep(_LOOKS_EVERY)
            if not self.fresh and self._right_at != lapsed:
                lapsed = self._right_at
                self._lapsed()
            if self._session is not None and self._asked_at is not None and now() - self._asked_at > _ANSWERS_WITHIN:
                _cut(self._session)

    def _log_trouble(self, code: str) -> None:
        """Says it once, until it is another one."""
        if code != self._trouble:
            _log.warning("not answering from memory", reason=code)
        self._trouble = code


def now() -> float:
    """Gives a time that goes on while the machine is suspended: changes go on too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _cut(session: psycopg.AsyncConnection) -> None:
    """Ends a session below the driver, which waits for a server that may never answer."""
    try:
        with socket.socket(fileno=os.dup(session.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        return
