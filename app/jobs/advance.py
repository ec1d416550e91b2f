"""A job's turn with a worker: claim, one step, and what the step led to. No transaction is open during a call."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.activity_queue import WakeUp
from app.db.cipher import Cipher
from app.db.claims import Claim, claim
from app.db.engine import transaction
from app.db.verbs import LeaseLost
from app.db.workers import Tally
from app.domain.courses import Rules
from app.jobs.bearer import Bearer
from app.jobs.calls import Calls, Queues
from app.jobs.deadline import Deadline
from app.jobs.notifier import Notifier
from app.jobs.runner import Runner
from app.logs import describe_exception
from app.settings import Settings
from app.target import Target

log = structlog.get_logger(__name__)

# A step ends well before its lease does.
_STEP_SHARE = 2 / 3


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
    notifier: Notifier
    target: Target
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
        # What the sweeper takes by itself had no wake-up.
        self.tally.claimed(over_a_lost_lease=held.lost_before, wake_latency=held.wake_latency if job_id else None)
        return Turn(held, deadline)

    async def carry(self, turn: Turn) -> None:
        """Does one step and settles it. Never raises for what happens to a job: the lease is there for that."""
        held = turn.claim
        self.tally.in_hand += 1
        try:
            wake_ups = await self._step(held, turn.deadline)
        except LeaseLost:
            self.tally.lost += 1
            log.warning("lease lost: dropped", job_id=str(held.job_id), claim=held.number)
        except Exception as problem:
            log.error("step failed", job_id=str(held.job_id), claim=held.number, **describe_exception(problem))
        else:
            await self.wake_up(wake_ups)
        finally:
            self.tally.in_hand -= 1

    async def wake_up(self, wake_ups: Sequence[WakeUp]) -> bool:
        """Sends wake-ups, and counts them; tells whether the notifier took them."""
        notified = await self.notifier.wake_up(wake_ups)
        self.tally.wake_ups += len(wake_ups) if notified else 0
        return notified

    async def _step(self, held: Claim, deadline: Deadline) -> list[WakeUp]:
        settings = self.settings
        timeout = min(settings.skolverket_timeout, settings.lease_seconds * _STEP_SHARE / 2)
        cipher = self.cipher.of(held.organisation_id, held.salt)
        bearer = Bearer(self.engine, cipher, self.target, held.organisation_id, deadline, timeout, self.random)
        rules = Rules(settings.fault_horizon, timedelta(seconds=settings.skolverket_answer_after))
        async with AsyncExitStack() as connections:
            opening = asyncio.Lock()
            opened_calls: Calls | None = None

            async def calls() -> Calls:
                """Opens the step's connections when its first call is made."""
                nonlocal opened_calls
                async with opening:
                    if opened_calls is None:
                        connection = await connections.enter_async_context(self.target.connected(timeout))
                        opened_calls = Calls(self.engine, self.target.limits, bearer, connection, self.queues)
                return opened_calls

            def time_left() -> bool:
                return opened_calls.time_left if opened_calls else deadline.allows(timeout)

            published = self.target.published
            runner = Runner(self.engine, cipher, published, held, rules, calls, self.random, time_left, self.stopping)
            return await runner.run()
