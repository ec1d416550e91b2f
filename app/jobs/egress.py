"""The right to call from an address: one process has it at a time, the others stand by and take over when it dies."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random, SystemRandom
from uuid import UUID, uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import egress
from app.db.cipher import Cipher
from app.db.engine import transaction
from app.db.workers import note_worker
from app.domain.egress import BEAT_EVERY, FIRST_CALL_AFTER, LOOK_EVERY, TAKEN_OVER_AFTER, Tenure, Watch
from app.jobs.calls import Bucket, Calls
from app.jobs.clock import boot_time
from app.jobs.holder import Holder, rules_of
from app.jobs.listener import listen
from app.jobs.meters import Meters
from app.jobs.pacer import Pacer
from app.jobs.services import Services
from app.jobs.tasks import calling
from app.jobs.tasks.loop import TaskLoop
from app.jobs.tokens import Tokens
from app.jobs.watchdog import Watchdog
from app.logs import describe_exception
from app.settings import Settings
from app.target import Target

log = structlog.get_logger(__name__)

# A look or a beat may take so long (s); the right to call ends by the clock, whatever hangs.
_STATEMENT = 5.0


@dataclass(slots=True)
class Egress:
    """One worker process at an egress: it stands by, holds, and stands by again, until `stopping` is set."""

    settings: Settings
    engine: AsyncEngine
    # A connection of its own for beats: the others may all be in use.
    beats: AsyncEngine
    cipher: Cipher
    target: Target
    stopping: asyncio.Event
    watchdog: Watchdog = field(default_factory=Watchdog)
    worker: UUID = field(default_factory=uuid4)
    random: Random = field(default_factory=SystemRandom)
    # Of tokens at rest; without them these stay in memory.
    token_keys: Cipher | None = None
    meters: Meters = field(default_factory=Meters)
    # Epochs that have ended and of which that has not been written.
    _unclosed: list[UUID] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Gives the egress's name."""
        return self.settings.egress

    async def run(self) -> None:
        """Works until told to stop; returns when every step that was begun is settled."""
        while not self.stopping.is_set():
            taken = await self._stand_by()
            if taken is not None:
                self.watchdog.last_word = partial(self._last_word, taken[0])
                try:
                    await self._hold(*taken)
                finally:
                    # Whatever it ended with, this process lives: nothing that it had in hand has killed it.
                    self.watchdog.last_word = None
                    self._unclosed.append(taken[0])
                    await self._close()

    async def _stand_by(self) -> tuple[UUID, Tenure] | None:
        """Looks until the right to call is to be had, and takes it; None when told to stop."""
        watch = Watch()
        while not self.stopping.is_set():
            self.watchdog.came_round()
            await self._close()
            try:
                async with asyncio.timeout(_STATEMENT), transaction(self.beats, "look") as conn:
                    await note_worker(conn, self.worker, self.target.user_agent, self.meters.tally)
                    theirs = await self._theirs(conn)
                    now = boot_time()
                    watch.look(theirs, now)
                    if theirs is None or watch.stood_still(now, TAKEN_OVER_AFTER):
                        taken = await egress.take_egress(conn, self.name, self.worker, theirs)
                        if taken is not None:
                            return taken, Tenure(now)
            except (SQLAlchemyError, TimeoutError, OSError) as problem:
                watch.look(None, boot_time())
                log.warning("no look at the egress", reason=type(problem).__name__)
            await self._paused(LOOK_EVERY)
        return None

    async def _theirs(self, conn: AsyncConnection) -> egress.Epoch | None:
        going = await egress.going_on(conn)
        return next((each for each in going if each.egress == self.name and each.state == "holds"), None)

    async def _hold(self, epoch: UUID, tenure: Tenure) -> None:
        """Does everything that the holder does, until told to stop or until the right to call is lost."""
        log.info("egress taken", egress=self.name, epoch=str(epoch))
        settings, limits = self.settings, self.target.limits
        pacers: dict[Bucket, Pacer] = {
            "calls": Pacer(limits.calls_per_second, lambda: tenure.left(boot_time())),
            "reads": Pacer(limits.reads_per_second, lambda: tenure.left(boot_time())),
        }
        services = Services(self.engine, self.name, self.random)
        timeout = settings.skolverket_timeout
        tokens = Tokens(self.engine, self.target, services, timeout, self.token_keys)
        calls = Calls(self.engine, self.name, self.target, services, tokens, pacers, timeout, self.meters)
        holder = Holder(
            self.engine,
            self.cipher,
            self.target.published,
            rules_of(settings.fault_horizon, settings.skolverket_answer_after),
            calls,
            epoch,
            self.worker,
            settings.worker_jobs,
            settings.sweep_seconds,
            self.random,
            self.meters,
            self.watchdog.came_round,
        )
        lost, done, letting_go = asyncio.Event(), asyncio.Event(), asyncio.Event()
        kinds = calling(settings, self.target, self.cipher, calls, letting_go)
        outside = TaskLoop(self.engine, kinds, epoch, self.random)
        beats = asyncio.create_task(self._beat(epoch, tenure, lost, done))
        async with AsyncExitStack() as stack:
            stack.push_async_callback(calls.close)
            await self._pause_first(pacers)
            with suppress(SQLAlchemyError):
                await services.write_down()
            beside = [
                asyncio.create_task(listen(settings, self.name, holder.hear, letting_go, self.random)),
                asyncio.create_task(outside.run(letting_go)),
            ]
            working = asyncio.create_task(holder.run())
            await _first_of(self.stopping, lost)
            letting_go.set()
            for pacer in pacers.values():
                pacer.close()
            if not lost.is_set():
                await self._release(epoch)
            holder.end()
            await asyncio.gather(*beside, return_exceptions=True)
            await working
        done.set()
        await beats
        log.info("egress left", egress=self.name, epoch=str(epoch), lost=lost.is_set())

    async def _beat(self, epoch: UUID, tenure: Tenure, lost: asyncio.Event, done: asyncio.Event) -> None:
        """Writes beats until everything is done; sets `lost` when the right to call has run out, or another has it."""
        watching = asyncio.create_task(_run_out(tenure, lost))
        while not (done.is_set() or lost.is_set()):
            sent_at = boot_time()
            try:
                async with asyncio.timeout(_STATEMENT), transaction(self.beats, "beat") as conn:
                    goes_on = await egress.beat(conn, epoch)
                    await note_worker(conn, self.worker, self.target.user_agent, self.meters.tally)
                if not goes_on:
                    lost.set()
                    break
                tenure.confirmed(sent_at)
            except (SQLAlchemyError, TimeoutError, OSError) as problem:
                log.warning("no beat could be written", reason=type(problem).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, sent_at + BEAT_EVERY - boot_time())):
                    await done.wait()
        watching.cancel()

    async def _pause_first(self, pacers: dict[Bucket, Pacer]) -> None:
        """Lets what a holder before has sent last arrive, and keeps the pauses that it was asked for."""
        try:
            async with asyncio.timeout(_STATEMENT), transaction(self.engine, "pauses") as conn:
                left = await egress.pauses(conn, self.name)
        except (SQLAlchemyError, TimeoutError, OSError) as problem:
            log.warning("pauses of before are not known", **describe_exception(problem))
            left = egress.Pauses()
        for bucket, pacer in pacers.items():
            first = timedelta(seconds=FIRST_CALL_AFTER if left.after_another else 0.0)
            pacer.pause(max(first, left.calls if bucket == "calls" else left.reads))

    async def _release(self, epoch: UUID) -> None:
        with suppress(SQLAlchemyError, TimeoutError, OSError):
            async with asyncio.timeout(_STATEMENT), transaction(self.engine, "release") as conn:
                await egress.release(conn, epoch)

    async def _close(self) -> None:
        """Ends the epochs that this process has had; what can't be said now is said when it can."""
        try:
            while self._unclosed:
                async with asyncio.timeout(_STATEMENT), transaction(self.engine, "close_epoch") as conn:
                    await egress.close_epoch(conn, self._unclosed[0])
                del self._unclosed[0]
        except (SQLAlchemyError, TimeoutError, OSError):
            log.warning("an epoch could not be closed yet", epoch=str(self._unclosed[0]))

    def _last_word(self, epoch: UUID, died: bool, guilty: UUID | None) -> None:
        url = self.settings.database_url.get_secret_value()
        egress.last_word(url, epoch, died=died, guilty=guilty)

    async def _paused(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * self.random.uniform(0.9, 1.0)):
                await self.stopping.wait()


async def _run_out(tenure: Tenure, lost: asyncio.Event) -> None:
    # No event tells when time has passed by a clock that goes on while the machine sleeps.
    while (left := tenure.left(boot_time())) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, 1.0))
    log.error("the right to call has run out: no beat was confirmed in time")
    lost.set()


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
