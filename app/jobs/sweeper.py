"""The loop that needs no notifier: sends wake-ups again for what is due, and claims it itself while Redis is away."""

import asyncio
from datetime import timedelta

import structlog

from app.db.activity_queue import start_free_queues
from app.db.claims import wake_ups_due
from app.db.engine import transaction
from app.db.idempotency import forget_old_keys
from app.db.workers import add_up_the_past, note_worker
from app.jobs.advance import Advance
from app.logs import describe_exception

log = structlog.get_logger(__name__)

# Rings that may wait at once: beyond them Redis only repeats what Postgres knows.
HIGH_WATER = 200
# How long a job may have been due, or its wake-up sent, before one is sent again.
_TIMEOUT = timedelta(seconds=1)
_UNHEARD = timedelta(seconds=5)


class Sweeper:
    """Looks for due jobs once in a while; any number may run, on any machine."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._turns: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps until told to stop, and finishes the steps that it has begun."""
        while not stop.is_set():
            try:
                await self.run_once(stop)
            except Exception as problem:  # Postgres may be away for a while
                log.error("sweep failed", **describe_exception(problem))
            with_jitter = self._advance.settings.sweep_seconds * self._advance.random.uniform(0.8, 1.2)
            try:
                await asyncio.wait_for(stop.wait(), with_jitter)
            except TimeoutError:
                continue
        await asyncio.gather(*self._turns, return_exceptions=True)

    async def run_once(self, stop: asyncio.Event) -> None:
        """Says that the worker is there, starts free queues, sends wake-ups, claims what no wake-up has helped."""
        async with transaction(self._advance.engine, "sweep") as conn:
            await note_worker(conn, self._advance.worker, self._advance.target.user_agent, self._advance.tally)
            wake_ups = await start_free_queues(conn)
            await forget_old_keys(conn)
        async with transaction(self._advance.engine, "past") as conn:
            await add_up_the_past(conn)
        depth = await self._advance.notifier.depth()
        if depth is not None and depth < HIGH_WATER:
            async with transaction(self._advance.engine, "wake_up") as conn:
                wake_ups += await wake_ups_due(conn, HIGH_WATER - depth, _TIMEOUT)
        woken = depth is not None and await self._advance.wake_up(wake_ups)
        # A notifier may take wake-ups that reach nobody: what stays due for long is claimed all the same.
        await self._take_due(stop, _UNHEARD if woken else timedelta())

    async def _take_due(self, stop: asyncio.Event, overdue: timedelta) -> None:
        """Takes jobs that have been due for so long, until none is left or all hands are full."""
        while not stop.is_set() and len(self._turns) < self._advance.settings.worker_jobs:
            turn = await self._advance.take(overdue=overdue)
            if turn is None:
                return
            task = asyncio.create_task(self._advance.carry(turn))
            self._turns.add(task)
            task.add_done_callback(self._turns.discard)
