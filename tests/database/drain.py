"""Drives steps one thing at a time against a target with a script: the production claim, step and settle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import batches
from app.db.activity_queue import WakeUp
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim
from app.domain.conclusion import Finish, Hold, Snooze
from app.domain.courses import Rules
from app.domain.intents import (
    Accepted,
    Answered,
    Call,
    CallOutcome,
    Done,
    Found,
    LookUp,
    NotMade,
    Permitted,
    Poll,
    Send,
    Stored,
    Woken,
)
from app.domain.outcome import Verdict
from app.domain.verdicts import ItemResult
from app.jobs.transactions import carry_out, settle
from app.skolverket.published import PUBLISHED
from tests.database import epochs
from tests.stepping import Stepping

HORIZON: Final = timedelta(hours=6)
# Answers are there at once.
RULES: Final = Rules(HORIZON, first_answer=timedelta())
_MOST_STEPS: Final = 60

# Whatever a job waits for is due.
_PUSH_FORWARD = """
    UPDATE record SET due_at = clock_timestamp(), fence = job.claim FROM job
    WHERE record.job_id = job.id AND job.id = :job AND record.status = 'pending' AND record.due_at IS NOT NULL;
    UPDATE batch SET next_poll_at = clock_timestamp(), fence = job.claim FROM job
    WHERE batch.job_id = job.id AND job.id = :job AND batch.status = 'accepted';
    UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE id = :job AND status = 'running'
"""


@dataclass
class ScriptedTarget:
    """Takes every batch; answers `succeeded` for each object but those with a verdict of their own."""

    verdicts: Mapping[str, str] = field(default_factory=dict)
    _taken: dict[str, list[UUID]] = field(default_factory=dict)

    def call(self, intent: Call, out: batches.Outgoing | None) -> CallOutcome:
        """Answers a call."""
        match intent:
            case Send():
                if out is None:
                    return NotMade(out_of_time=False)
                remote_job_id = str(uuid4())
                self._taken[remote_job_id] = [UUID(item["id"]) for item in json.loads(out.body)["data"]]
                return Accepted(202, remote_job_id)
            case Poll(_, remote_job_id):
                results = [
                    ItemResult(each, Verdict(self.verdicts.get(str(each), "succeeded")), b"{}")
                    for each in self._taken[remote_job_id]
                ]
                return Answered(b"{}", results, timedelta())
            case LookUp():
                return Found({})


async def drain(
    engine: AsyncEngine,
    cipher: OrganisationCipher,
    job_id: UUID | None = None,
    verdicts: Mapping[str, str] | None = None,
) -> list[WakeUp]:
    """Has a job carried on to its end, or with None whichever is due until none is; gives the wake-ups of the last end.

    `verdicts` are record states by object id. Time is pushed forward over every rest.
    """
    target, wake_ups = ScriptedTarget(verdicts or {}), list[WakeUp]()
    async with engine.begin() as conn:
        epoch = await epochs.begin_epoch(conn)
    for _ in range(_MOST_STEPS):
        async with engine.begin() as conn:
            held = await epochs.claim(conn, job_id, epoch=epoch)
        if held is None:
            return wake_ups
        wake_ups = await _step(engine, cipher, held, target)
        async with engine.begin() as conn:
            await push_forward(conn, held.job_id)
    raise AssertionError("jobs do not come to their end")


async def push_forward(conn: AsyncConnection, job_id: UUID) -> None:
    """Lets as much time pass as a job waits for."""
    for statement in _PUSH_FORWARD.split(";"):
        await conn.execute(sa.text(statement), {"job": job_id})


async def _step(engine: AsyncEngine, cipher: OrganisationCipher, held: Claim, target: ScriptedTarget) -> list[WakeUp]:
    stepping, wake_ups = Stepping(RULES, held.opened), list[WakeUp]()
    while not stepping.ended:
        if not stepping.begun:
            async with engine.begin() as conn:
                await push_forward(conn, held.job_id)
            stepping.tell(Woken())
            continue
        number = next(iter(stepping.begun))
        intent = stepping.begun.pop(number)
        if isinstance(intent, Call):
            out = None
            if isinstance(intent, Send):
                async with engine.begin() as conn:
                    out = await batches.call_batch(conn, cipher, PUBLISHED, held, intent.batch_id)
            stepping.tell(Permitted(number))
            stepping.tell(Done(number, target.call(intent, out)))
            continue
        async with engine.begin() as conn:
            if isinstance(intent, Snooze | Hold | Finish):
                wake_ups, stored = [*(await settle(conn, held, intent)).wake_ups], Stored()
            else:
                stored = await carry_out(conn, cipher, PUBLISHED, held, intent, RULES)
        stepping.tell(Done(number, stored))
    return wake_ups
