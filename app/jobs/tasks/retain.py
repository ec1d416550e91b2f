"""What is old enough goes: contents some time after their last use, history some time after its end.

Slice by slice, each committed by itself, beside all other work. What has gone is not found again: it goes on where
another process has ended.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import retention, tasks
from app.db.acting import EVERYBODY
from app.db.audit_cuts import cut_before
from app.db.claims import database_time
from app.db.engine import transaction
from app.db.retention import Old
from app.db.tasks import Task
from app.domain.retention import Retention
from app.jobs.tasks.kind import Later, Store, TaskKind

EXPIRE_CONTENT: Final = "expire_content"
FORGET_HISTORY: Final = "forget_history"

_EVERY = timedelta(hours=1)
_PAGE = 100

_Read = Callable[[AsyncConnection, datetime, Old | None, int], Awaitable[Sequence[Old]]]
_Go = Callable[[AsyncConnection, Old, datetime, int], Awaitable[bool]]
_GoTogether = Callable[[AsyncConnection, Sequence[Old], datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Retain:
    """Has go what `kept` says is old enough."""

    engine: AsyncEngine
    kept: Retention
    # After so long somebody else may have the task (s); and rows of a transaction, of some tenths of a second.
    at_a_time: float = 20.0
    together: int = 500

    def kinds(self) -> tuple[TaskKind, TaskKind]:
        """Makes the kinds of task, of each of which there is one."""
        return self._kind(EXPIRE_CONTENT, self.expire_content), self._kind(FORGET_HISTORY, self.forget_history)

    async def expire_content(self, _: Task) -> Store:
        """Has contents go that were of use last before their time; raises Later when its own time is up."""
        before, until = self.kept.content_before(await self._now()), time.monotonic() + self.at_a_time
        await self._one_by_one(retention.runs_with_content, retention.expire_run, before, until)
        await self._repeat(retention.expire_listed, before, until)
        await self._repeat(retention.forget_plans, before, until)
        await self._in_pages(retention.old_pauses, retention.expire_pauses, before, until)
        return _nothing_more

    async def forget_history(self, _: Task) -> Store:
        """Has history go that ended before its time; raises Later when its own time is up."""
        before, until = self.kept.history_before(await self._now()), time.monotonic() + self.at_a_time
        await self._one_by_one(retention.old_runs, retention.forget_run, before, until)
        await self._in_pages(retention.old_rosters, retention.forget_rosters, before, until)
        await self._in_pages(retention.old_pauses, retention.forget_pauses, before, until)
        await self._repeat(_cut_audit, before, until)
        return _nothing_more

    async def _now(self) -> datetime:
        async with transaction(self.engine, "read_time") as conn:
            return await database_time(conn)

    async def _one_by_one(self, read: _Read, go: _Go, before: datetime, until: float) -> None:
        """Has rows go one after the other, each in as many transactions as it takes."""
        after: Old | None = None
        while page := await self._page(read, before, after):
            for each in page:
                while await self._slice(go, each, before):
                    _check(until)
            after = page[-1]
            _check(until)

    async def _slice(self, go: _Go, each: Old, before: datetime) -> bool:
        async with transaction(self.engine, "retain", of=each.organisation_id) as conn:
            return await go(conn, each, before, self.together)

    async def _in_pages(self, read: _Read, go: _GoTogether, before: datetime, until: float) -> None:
        """Has rows go a page at a time."""
        after: Old | None = None
        while page := await self._page(read, before, after):
            async with transaction(self.engine, "retain", of=EVERYBODY) as conn:
                await go(conn, page, before)
            after = page[-1]
            _check(until)

    async def _repeat(
        self, go: Callable[[AsyncConnection, datetime, int], Awaitable[bool]], before: datetime, until: float
    ) -> None:
        """Has what is the oldest go until there is nothing more."""
        while True:
            async with transaction(self.engine, "retain", of=EVERYBODY) as conn:
                if not await go(conn, before, self.together):
                    return
            _check(until)

    async def _page(self, read: _Read, before: datetime, after: Old | None) -> Sequence[Old]:
        async with transaction(self.engine, "read_old", of=EVERYBODY) as conn:
            return await read(conn, before, after, _PAGE)

    def _kind(self, name: str, do: Callable[[Task], Awaitable[Store]]) -> TaskKind:
        async def add(conn: AsyncConnection) -> None:
            await tasks.add(conn, name)

        return TaskKind(name, 2 * _EVERY, _EVERY, do, add)


async def _cut_audit(conn: AsyncConnection, before: datetime, most: int) -> bool:
    return await cut_before(conn, before, most) > 0


def _check(until: float) -> None:
    if time.monotonic() > until:
        raise Later(timedelta())


async def _nothing_more(_: AsyncConnection) -> None:
    pass
