"""A job's turn with a worker: claim, one step, and what the step led to. No transaction is open during a call."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import answers, batches
from app.db.cipher import Cipher
from app.db.claims import Claim, LeaseLost, claim, snooze, view
from app.db.lane import Ring, finish_job
from app.domain.steps import Fault, Finish, GiveUp, Snooze, conclude, work
from app.jobs.calls import Calls, Deadline, Queues
from app.jobs.doorbell import Doorbell
from app.jobs.problems import job_problem
from app.jobs.step import Step
from app.logs import describe_exception
from app.settings import Settings
from app.skolverket.client import ProvisioningApi, opened

log = structlog.get_logger(__name__)

# A step ends well before its lease does.
_STEP_SHARE = 2 / 3
# When the calls of others left no slot, the next try leaves them time.
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
    queues: Queues = field(default_factory=Queues)

    async def __call__(self, job_id: UUID) -> bool:
        """Takes a job a step further, if it is due and nobody else holds it; tells whether it was."""
        turn = await self.take(job_id)
        if turn is not None:
            await self.carry(turn)
        return turn is not None

    async def take(self, job_id: UUID | None = None, overdue: timedelta = timedelta()) -> Turn | None:
        """Claims the given job, or the one that has been due longest, and for so long; None when there is none."""
        lease = self.settings.lease_seconds
        deadline = Deadline.after(lease * _STEP_SHARE)
        async with self.engine.begin() as conn:
            held = await claim(conn, self.worker, timedelta(seconds=lease), job_id, overdue)
        return None if held is None else Turn(held, deadline)

    async def carry(self, turn: Turn) -> None:
        """Does one step and settles it. Never raises for what happens to a job: the lease is there for that."""
        held = turn.claim
        try:
            rings = await self._step(held, turn.deadline)
        except LeaseLost:
            log.warning("lease lost: dropped", job_id=str(held.job_id), claim=held.number)
        except Exception as problem:
            log.error("step failed", job_id=str(held.job_id), claim=held.number, **describe_exception(problem))
        else:
            await self.doorbell.ring(rings)

    async def _step(self, held: Claim, deadline: Deadline) -> list[Ring]:
        engine, cipher, settings = self.engine, self.cipher, self.settings
        async with engine.begin() as conn:
            await answers.lose_called(conn, cipher, held)
            await batches.refuse_broken(conn, held)
            seen = await view(conn, held)
            if seen.cancelled:
                await batches.drop_written(conn, held)
                seen = await view(conn, held)
        faults, crowded = list[Fault](), False
        if todo := work(seen):
            patience = min(settings.skolverket_timeout, settings.lease_seconds * _STEP_SHARE / 2)
            async with opened(patience) as http:
                calls = Calls(
                    engine,
                    cipher,
                    settings,
                    http,
                    held.organisation_id,
                    held.organisation_number,
                    deadline,
                    patience,
                    self.queues.of(held.organisation_id),
                )
                api = ProvisioningApi(http, settings.skolverket_provisioning_url, patience)
                step = Step(engine, cipher, settings, held, calls, api, self.random, seen.contact_at is not None)
                await step.take(todo)
                faults, crowded = step.faults, step.crowded
        while True:
            async with engine.begin() as conn:
                match conclude(await view(conn, held), faults, settings.fault_horizon, self.random):
                    case GiveUp():
                        await batches.drop_written(conn, held)
                        await batches.give_up(conn, held)
                    case Snooze(delay):
                        return [await snooze(conn, held, max(delay, _CROWDED) if crowded else delay)]
                    case Finish(status, code):
                        return await self._finish(held, status, code)

    async def _finish(self, held: Claim, status: str, code: str | None) -> list[Ring]:
        problem = job_problem(code or "records_failed") if status == "failed" else None
        async with self.engine.begin() as conn:
            if code is not None:
                await answers.abandon(conn, self.cipher, held, code)
        async with self.engine.begin() as conn:
            rings = await finish_job(conn, held.job_id, held.number, status, problem)
        if rings is None:
            raise LeaseLost
        log.info("job finished", job_id=str(held.job_id), stage=held.stage.value, status=status, code=code)
        return rings
