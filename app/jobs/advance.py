"""A job's turn with a worker: claim, one step, and what the step led to. No transaction is open during a call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import answers, batches, holdings
from app.db.cipher import Cipher
from app.db.claims import Claim, LeaseLost, claim, snooze
from app.db.engine import transaction
from app.db.lane import Ring, finish_job
from app.db.workers import Tally
from app.domain.steps import Fault, Finish, GiveUp, Snooze, View, conclude, work
from app.jobs.bearer import Bearer
from app.jobs.calls import Calls, Queues
from app.jobs.deadline import Deadline
from app.jobs.doorbell import Doorbell
from app.jobs.problems import job_problem
from app.jobs.step import Step, tell
from app.logs import describe_exception
from app.settings import Settings
from app.skolverket.client import opened
from app.skolverket.faults import TryAgain

log = structlog.get_logger(__name__)

# A step ends well before its lease does.
_STEP_SHARE = 2 / 3
# When the calls of others left not one slot, the next try leaves them time.
_CROWDED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A job that this process holds, and until when it may work on it."""

    claim: Claim
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Advance:
    """Carries jobs on; one for a worker process, whose id marks its claims."""

    settings: Settings
    engine: AsyncEngine
    cipher: Cipher
    doorbell: Doorbell
    worker: UUID = field(default_factory=uuid4)
    random: Random = field(default_factory=SystemRandom)
    tally: Tally = field(default_factory=Tally)
    queues: Queues = field(default_factory=Queues)
    # Set when the process is told to end: steps come to theirs soon, and others go on with their jobs at once.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, job_id: UUID) -> bool:
        """Takes a job a step further, if it is due and nobody else holds it; tells whether it was."""
        turn = await self.take(job_id)
        if turn is not None:
            await self.carry(turn)
        return turn is not None

    async def take(self, job_id: UUID | None = None, overdue: timedelta = timedelta()) -> Turn | None:
        """Claims the given job, or the one that has been due longest, and for so long; None when there is none."""
        lease = self.settings.lease_seconds
        deadline = Deadline.after(lease * _STEP_SHARE, self.stopping)
        async with transaction(self.engine, "claim") as conn:
            held = await claim(conn, self.worker, timedelta(seconds=lease), job_id, overdue)
        if held is None:
            return None
        # What the sweeper takes by itself was not rung for.
        self.tally.claimed(over_a_lost_lease=held.lost_before, rung_ago=held.rung_ago if job_id else None)
        return Turn(held, deadline)

    async def carry(self, turn: Turn) -> None:
        """Does one step and settles it. Never raises for what happens to a job: the lease is there for that."""
        held = turn.claim
        self.tally.in_hand += 1
        try:
            rings = await self._step(held, turn.deadline)
        except LeaseLost:
            self.tally.lost += 1
            log.warning("lease lost: dropped", job_id=str(held.job_id), claim=held.number)
        except Exception as problem:
            log.error("step failed", job_id=str(held.job_id), claim=held.number, **describe_exception(problem))
        else:
            await self.ring(rings)
        finally:
            self.tally.in_hand -= 1

    async def ring(self, rings: Sequence[Ring]) -> bool:
        """Rings the doorbell, and counts it; tells whether it took the rings."""
        rung = await self.doorbell.ring(rings)
        self.tally.rings += len(rings) if rung else 0
        return rung

    async def _step(self, held: Claim, deadline: Deadline) -> list[Ring]:
        engine, cipher, horizon = self.engine, self.cipher, self.settings.fault_horizon
        async with transaction(engine, "look") as conn:
            await answers.lose_called(conn, cipher, held)
            await batches.refuse_broken(conn, held)
            seen = await batches.look(conn, held)
        faults, crowded = list[Fault](), False
        if work(seen):
            faults, crowded = await self._work(held, deadline, seen)
        while True:
            async with transaction(engine, "conclude") as conn:
                match conclude(await batches.look(conn, held), faults, horizon, self.random):
                    case GiveUp(cause):
                        await batches.drop_written(conn, held)
                        await batches.give_up(conn, held, cause)
                        await holdings.assume_nothing_held(conn, held)
                    case Snooze(delay):
                        return [await snooze(conn, held, max(delay, _CROWDED) if crowded else delay)]
                    case Finish() as end:
                        break
        return await self._finish(held, end)

    async def _work(self, held: Claim, deadline: Deadline, seen: View) -> tuple[list[Fault], bool]:
        """Does what there is to do; gives the faults that were met, and whether others left no slot for any call."""
        engine, cipher, settings = self.engine, self.cipher, self.settings
        patience = min(settings.skolverket_timeout, settings.lease_seconds * _STEP_SHARE / 2)
        bearer = Bearer(engine, cipher, settings, held.organisation_id, deadline, patience, self.random)
        try:
            async with opened(patience, settings.skolverket_ca_file) as http:
                calls = Calls(engine, settings, bearer, http, self.queues)
                step = Step(engine, cipher, settings, held, calls, self.random, seen.contact_at is not None)
                await step.take(seen)
        except TryAgain as fault:  # there is no connection to open without the authorities to trust
            return [await tell(engine, held, fault)], False
        return step.faults, step.late and not calls.made and not self.stopping.is_set()

    async def _finish(self, held: Claim, end: Finish) -> list[Ring]:
        problem = job_problem(end.code or "records_failed", end.cause) if end.status == "failed" else None
        if end.code is not None:
            async with transaction(self.engine, "abandon") as conn:
                await answers.abandon(conn, self.cipher, held, end.code)
        async with transaction(self.engine, "finish") as conn:
            rings = await finish_job(conn, held.job_id, held.number, end.status, problem)
        if rings is None:
            raise LeaseLost
        log.info(
            "job finished",
            job_id=str(held.job_id),
            stage=held.stage.value,
            status=end.status,
            code=end.code,
            cause=end.cause,
        )
        return rings
