"""The loop in which a process does tasks: those that stay inside, or those that call for the epoch that it has."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom
from uuid import UUID

import structlog
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import tasks
from app.db.acting import EVERYBODY
from app.db.engine import transaction
from app.db.tasks import Task
from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.tasks import next_wait
from app.jobs.pacer import NoPermit
from app.jobs.tasks.kind import Failed, Later, TaskKind
from app.logs import describe_exception
from app.target import TargetError

log = structlog.get_logger(__name__)

# How often it is looked whether all tasks are there that there have to be (s).
_ADD_EVERY = 20.0
# When the process ends, one that stays inside has so long (s).
_END_WITHIN = 5.0
# No task takes longer (s): one that stays inside ends well before it is somebody else's.
_LONGEST_INSIDE, _LONGEST_CALLING = tasks.LEASE.total_seconds() / 2, 600.0


@dataclass(slots=True)
class TaskLoop:
    """Does tasks of some kinds, a few at a time: those that call for an `epoch`, without one those that stay inside."""

    engine: AsyncEngine
    kinds: Mapping[str, TaskKind]
    epoch: UUID | None = None
    random: Random = field(default_factory=SystemRandom)
    at_once: int = 4
    look_every: float = 1.0
    _added_at: float | None = None
    _in_progress: dict[asyncio.Task[None], Task] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Does what is due until told to stop, and ends what it has begun; never raises."""
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            try:
                full = await self._look() == 0
            except Exception as problem:  # Postgres may be away for a while
                log.error("no look at tasks", **describe_exception(problem))
                full = False
            # When there is no room for more, the first that ends is news.
            news = [stopped, *self._in_progress] if full else [stopped]
            wait = self.look_every * self.random.uniform(0.8, 1.2)
            await asyncio.wait(news, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self.epoch is None and self._in_progress:
            # What is left of one that does not end is a transaction without a commit, and a claim that passes.
            _, late = await asyncio.wait(self._in_progress, timeout=_END_WITHIN)
            for each in late:
                each.cancel()
        await asyncio.gather(*self._in_progress, return_exceptions=True)

    async def run_once(self) -> None:
        """Does all that is due, and returns when nothing is."""
        while await self._look() < self.at_once:
            await asyncio.gather(*self._in_progress)

    async def _look(self) -> int:
        """Claims what is due while there is room, and begins it; gives for how many more there is room."""
        longest = {each.name: each.longest for each in self.kinds.values()}
        free = self.at_once - len(self._in_progress)
        async with transaction(self.engine, "claim_tasks", of=EVERYBODY) as conn:
            if self._added_at is None or time.monotonic() - self._added_at > _ADD_EVERY:
                self._added_at = time.monotonic()
                for each in self.kinds.values():
                    if each.add is not None:
                        await each.add(conn)
            if self.epoch is None:
                claimed = await tasks.claim_for_a_time(conn, longest, free)
            else:
                await tasks.free_forgotten(conn, self.epoch, list(self._in_progress.values()))
                claimed = await tasks.claim_for_epoch(conn, self.epoch, longest, free)
        for task in claimed:
            doing = asyncio.create_task(self._do(self.kinds[task.kind], task))
            self._in_progress[doing] = task
            doing.add_done_callback(self._in_progress.pop)
        return free - len(claimed)

    async def _do(self, kind: TaskKind, task: Task) -> None:
        """Does one task. Never raises: what cannot be written down is free for others when its claim has ended."""
        try:
            await self._done_or_failed(kind, task)
        except Exception as problem:
            log.error("a task is left as it is", kind=kind.name, **describe_exception(problem))

    async def _done_or_failed(self, kind: TaskKind, task: Task) -> None:
        try:
            async with asyncio.timeout(_LONGEST_INSIDE if self.epoch is None else _LONGEST_CALLING):
                store = await kind.do(task)
                again_in = kind.every and next_wait(kind.every, self.random.random(), failed=False)
                async with transaction(self.engine, "task_done", of=task.organisation_id or EVERYBODY) as conn:
                    if await tasks.done(conn, task, again_in):
                        await store(conn)
        except Later as later:
            await self._let_go(task, later.again_in)
        except Failed as fault:
            await self._failed(kind, task, fault.code)
        except NoPermit:
            # It is left to whoever calls next.
            await self._let_go(task, timedelta())
        except TargetError as fault:
            if fault.code == CIRCUIT_OPEN:
                await self._let_go(task, fault.retry_after or timedelta(seconds=1))
            else:
                await self._failed(kind, task, fault.code, fault.http_status, fault.retry_after)
        except DataError:
            # JSON has texts that Postgres can't hold, such as one with U+0000.
            await self._failed(kind, task, "answer_unreadable")
        except Exception as problem:
            log.error("a task broke", kind=kind.name, **describe_exception(problem))
            await self._failed(kind, task, "internal")

    async def _let_go(self, task: Task, again_in: timedelta) -> None:
        async with transaction(self.engine, "let_task_go", of=task.organisation_id or EVERYBODY) as conn:
            await tasks.let_go(conn, task, again_in)

    async def _failed(
        self,
        kind: TaskKind,
        task: Task,
        code: str,
        http_status: int | None = None,
        asked: timedelta | None = None,
    ) -> None:
        luck = self.random.random()
        wait = next_wait(kind.every or kind.longest, luck, failed=True, waited=task.waited, asked=asked)
        log.warning(
            "a task has failed",
            kind=task.kind,
            # An organisation's number, which may be a key, looks like a civic number.
            key=task.key if task.organisation_id is None else None,
            organisation_id=task.organisation_id and str(task.organisation_id),
            code=code,
            http_status=http_status,
            again_in=round(wait.total_seconds()),
        )
        async with transaction(self.engine, "task_failed", of=task.organisation_id or EVERYBODY) as conn:
            await tasks.failed(conn, task, min(wait, kind.longest), code)
