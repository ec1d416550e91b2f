"""The loop that needs no doorbell: rings again for what is due, and does it itself while Redis is away."""

import asyncio
from datetime import timedelta

import structlog

from app.db.claims import rings_due
from app.db.engine import transaction
from app.db.idempotency import forget_old_keys
from app.db.lane import start_lanes
from app.db.workers import add_up_the_past, note_worker
from app.jobs.advance import Advance
from app.logs import describe_exception

log = structlog.get_logger(__name__)

# Rings that may wait at once: beyond them Redis only repeats what Postgres knows.
HIGH_WATER = 200
# How long a job may have been due, or rung for, before it is rung for again.
_PATIENCE = timedelta(seconds=1)
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
        """Says that the worker is there, starts free lanes, rings for what is due, takes what no ring has helped."""
        async with transaction(self._advance.engine, "sweep") as conn:
            await note_worker(conn, self._advance.worker, self._advance.target.user_agent, self._advance.tally)
            rings = await start_lanes(conn)
            await forget_old_keys(conn)
        async with transaction(self._advance.engine, "past") as conn:
            await add_up_the_past(conn)
        depth = await self._advance.doorbell.depth()
        if depth is not None and depth < HIGH_WATER:
            async with transaction(self._advance.engine, "ring") as conn:
                rings += await rings_due(conn, HIGH_WATER - depth, _PATIENCE)
        heard = depth is not None and await self._advance.ring(rings)
        # A doorbell that takes rings may be deaf on the other side: what stays due for long is taken all the same.
        await self._take_due(stop, _UNHEARD if heard else timedelta())

    async def _take_due(self, stop: asyncio.Event, overdue: timedelta) -> None:
        """Takes jobs that have been due for so long, until none is left or all hands are full."""
        while not stop.is_set() and len(self._turns) < self._advance.settings.worker_jobs:
            turn = await self._advance.take(overdue=overdue)
            if turn is None:
                return
            task = asyncio.create_task(self._advance.carry(turn))
            self._turns.add(task)
            task.add_done_callback(self._turns.discard)
