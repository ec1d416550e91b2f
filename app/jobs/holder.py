"""What the process that holds an egress does with jobs: it claims those that are due, carries them on, and sweeps."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.acting import EVERYBODY
from app.db.activity_queue import start_free_queues
from app.db.cipher import Cipher
from app.db.claims import Claim, bring_near, claim_jobs, rest, wake_those_who_wait
from app.db.egress import Epoch, end_epoch, free_forgotten, going_on
from app.db.engine import statement, transaction
from app.db.faults import OurFault, fault_of
from app.db.verbs import LeaseLost
from app.domain.courses import Rules
from app.domain.egress import ENDED_AFTER, TAKEN_OVER_AFTER, Watch
from app.jobs.bodies import Bodies
from app.jobs.calls import Calls
from app.jobs.clock import boot_time
from app.jobs.meters import Meters
from app.jobs.runner import Runner
from app.jobs.transactions import Settled
from app.jobs.watchdog import name_of_step
from app.logs import describe_exception
from app.target import Published

log = structlog.get_logger(__name__)

# Jobs that are claimed in one statement.
_AT_ONCE = 100


@dataclass(slots=True)
class Holder:
    """The jobs that one epoch has in progress, `at_once` at most."""

    engine: AsyncEngine
    cipher: Cipher
    published: Published
    rules: Rules
    calls: Calls
    epoch: UUID
    worker: UUID
    at_once: int
    sweep_every: float
    random: Random
    meters: Meters
    # Hears that the loop has come round.
    came_round: Callable[[], None]
    _bodies: Bodies = field(default_factory=Bodies)
    _ending: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _wanted: set[UUID] = field(default_factory=set)
    _in_progress: dict[UUID, tuple[Claim, Runner]] = field(default_factory=dict)
    _steps: set[asyncio.Task[None]] = field(default_factory=set)
    _watched: dict[UUID, Watch] = field(default_factory=dict)
    # Jobs that the last sweep found to be ours and not in hand, with their claims: the news of one may be on its way.
    _unknown: Mapping[UUID, int] = field(default_factory=dict)
    # Jobs that are to rest, while that can't be written: Postgres counts them as ours.
    _unwritten: dict[UUID, tuple[Claim, OurFault]] = field(default_factory=dict)

    def hear(self, job_id: UUID) -> None:
        """Hears a wake-up for a job."""
        self.meters.tally.wake_ups += 1
        self.want(job_id)

    def want(self, job_id: UUID, delay: float = 0.0) -> None:
        """Hears that a job is due in so many seconds, or that something about it has changed."""
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self.want, job_id)
        elif (held := self._in_progress.get(job_id)) is not None:
            held[1].look()
        elif not self._ending:
            self._wanted.add(job_id)
            self._news.set()

    def end(self) -> None:
        """Begins nothing more: steps come to their end without further calls."""
        self._ending = True
        self._news.set()
        for _, runner in self._in_progress.values():
            runner.end()

    async def run(self) -> None:
        """Works until told to end, and until every step that was begun is settled."""
        sweep_at = 0.0
        while not self._ending:
            self.came_round()
            self._news.clear()
            sweeping = time.monotonic() >= sweep_at
            try:
                if sweeping:
                    sweep_at = time.monotonic() + self.sweep_every * self.random.uniform(0.8, 1.2)
                    await self._sweep()
                await self._claim(all_due=sweeping)
            except Exception as problem:  # Postgres may be away for a while
                log.error("sweep failed", **describe_exception(problem))
                await asyncio.sleep(self.sweep_every / 5)
            try:
                async with asyncio.timeout(max(0.0, sweep_at - time.monotonic())):
                    await self._news.wait()
            except TimeoutError:
                continue
        await asyncio.gather(*self._steps, return_exceptions=True)

    async def _claim(self, *, all_due: bool) -> None:
        """Claims what is due while there is room: what was heard of, or of all that is due in turn."""
        while not self._ending and (free := self.at_once - len(self._in_progress)) > 0:
            # Beyond what can be taken, Postgres knows best whose turn it is.
            wanted = None if all_due or len(self._wanted) > free else list(self._wanted)[:_AT_ONCE]
            if wanted is not None and not wanted:
                return
            most = min(free, _AT_ONCE)
            async with statement(self.engine, "claim") as conn:
                claims = await claim_jobs(conn, self.epoch, most, wanted)
            self._wanted.difference_update(wanted if wanted is not None else [held.job_id for held in claims])
            for held in claims:
                self._begin(held, heard_of=wanted is not None)
            if wanted is None and len(claims) < most:
                self._wanted.clear()
                return

    def _begin(self, held: Claim, *, heard_of: bool) -> None:
        # What the sweep finds by itself had no wake-up.
        self.meters.claimed(after_a_death=held.lost_before, wake_latency=held.wake_latency if heard_of else None)
        cipher = self.cipher.of(held.organisation_id, held.own_keys)
        runner = Runner(self.engine, cipher, self.published, held, self.rules, self.calls, self.random, self._bodies)
        self._in_progress[held.job_id] = (held, runner)
        step = asyncio.create_task(self._carry(held, runner), name=name_of_step(held.job_id))
        self._steps.add(step)
        step.add_done_callback(self._steps.discard)
        if self._ending:
            runner.end()

    async def _carry(self, held: Claim, runner: Runner) -> None:
        """Carries a job on by one step. Never raises for what happens to it: it rests, or is free for others."""
        self.meters.tally.in_progress += 1
        settled = Settled()
        try:
            settled = await runner.run()
        except LeaseLost:
            self.meters.tally.lost += 1
            log.warning("lease lost: dropped", job_id=str(held.job_id), claim=held.number)
        except Exception as problem:
            fault = fault_of(problem, runner.broken_batch)
            log.error(
                "step failed",
                job_id=str(held.job_id),
                claim=held.number,
                code=fault.code,
                batch_id=fault.batch and str(fault.batch),
                records=len(fault.records),
                **describe_exception(problem),
            )
            await self._rest(held, fault)
        finally:
            self.meters.tally.in_progress -= 1
            full = len(self._in_progress) >= self.at_once
            # Another claim of it may be in hand by now, after this one was lost.
            if (now := self._in_progress.get(held.job_id)) is not None and now[0] is held:
                del self._in_progress[held.job_id]
        for claim in settled.claims:
            self._begin(claim, heard_of=False)
        for each in settled.wake_ups:
            self.want(each.job_id, each.delay)
        if full:
            self._news.set()

    async def _rest(self, held: Claim, fault: OurFault) -> None:
        """Lays a job down; when that can't be written it is kept in mind, and nothing is done with it until it can."""
        try:
            async with transaction(self.engine, "rest", of=held.organisation_id) as conn:
                await rest(conn, held, fault)
        except LeaseLost:
            pass
        except (SQLAlchemyError, OSError):
            self._unwritten[held.job_id] = (held, fault)
            log.warning("a job could not be laid down yet", job_id=str(held.job_id), claim=held.number)

    async def _write_rests(self) -> None:
        """Lays down what could not be laid down before, until one can't be again."""
        for job_id, (held, fault) in list(self._unwritten.items()):
            del self._unwritten[job_id]
            await self._rest(held, fault)
            if job_id in self._unwritten:
                return

    async def _sweep(self) -> None:
        """Starts free queues, and frees what has been forgotten or left behind."""
        await self._write_rests()
        known = [*(held for held, _ in self._in_progress.values()), *(held for held, _ in self._unwritten.values())]
        in_progress = {held.job_id: held.number for held in known}
        async with transaction(self.engine, "sweep", of=EVERYBODY) as conn:
            await start_free_queues(conn)
            if brought := await bring_near(conn):
                log.warning(
                    "jobs waited for longer than anything is planned: the database's clock was wrong", jobs=brought
                )
            freed, self._unknown = await free_forgotten(conn, self.epoch, in_progress, self._unknown)
            if freed:
                log.warning("jobs that nobody knew of are taken up", jobs=freed)
            others = [each for each in await going_on(conn) if each.id != self.epoch]
        if self.calls.services.closed_lately:
            async with transaction(self.engine, "wake_up", of=EVERYBODY) as conn:
                self.calls.services.closed_lately = await wake_those_who_wait(conn, _AT_ONCE) == _AT_ONCE
        await self._watch(others)

    async def _watch(self, others: list[Epoch]) -> None:
        """Ends the epochs of processes that have died: they were leaving, or hold another address."""
        now = boot_time()
        self._watched = {each.id: self._watched.get(each.id, Watch()) for each in others}
        for each in others:
            watch = self._watched[each.id]
            watch.look(each, now)
            if watch.stood_still(now, TAKEN_OVER_AFTER if each.state == "leaves" else ENDED_AFTER):
                async with transaction(self.engine, "end_epoch") as conn:
                    freed = await end_epoch(conn, each, self.worker)
                log.warning("an epoch has been ended: its process is silent", epoch=str(each.id), jobs=freed)


def rules_of(fault_horizon: timedelta, first_answer: float) -> Rules:
    """Makes the rules that steps go by from the settings."""
    return Rules(fault_horizon, timedelta(seconds=first_answer))
