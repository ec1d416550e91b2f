"""A call whose answer never came may arrive late: its objects are looked up, and sent again where they are older.

What is sent is what the target has accepted last, by whichever run. No record and no job is written for it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import repairs
from app.db.acting import EVERYBODY
from app.db.cipher import Cipher
from app.db.engine import transaction
from app.db.repairs import Repair
from app.db.tasks import Task
from app.domain.batching import Packing
from app.domain.kinds import Kind
from app.domain.outcome import Verdict
from app.domain.repair import LastAccepted, to_ask, to_send_again
from app.domain.retry import wait_for_answer
from app.jobs.calls import Calls
from app.jobs.tasks.kind import Later, Store, TaskKind
from app.logs import describe_exception
from app.target import CallHooks, Connection, Published, Refusal, TargetError, TryAgain

log = structlog.get_logger(__name__)

# Objects that are asked for in one call.
_MOST = 500
# What is in another call waits for its answer.
_ELSEWHERE = timedelta(seconds=30)
_LONGEST = timedelta(minutes=15)
# So often it is asked what became of what was sent, until nobody will know.
_POLLS = 20


@dataclass(slots=True)
class Repairs:
    """Repairs by the `calls` of one epoch; `stop` says that no call may leave any more."""

    engine: AsyncEngine
    cipher: Cipher
    published: Published
    calls: Calls
    first_answer: timedelta
    stop: asyncio.Event
    random: Random = field(default_factory=SystemRandom)

    def kind(self) -> TaskKind:
        """Makes the kind of task."""
        return TaskKind(repairs.REPAIR, _LONGEST, None, self.do)

    async def do(self, task: Task) -> Store:
        """Looks up what the task is about, and sends again what is not as it was accepted last."""
        async with transaction(self.engine, "load_repair", of=task.organisation_id or EVERYBODY) as conn:
            repair = await repairs.load(conn, self.cipher, task)
        seen = {} if repair is None else await self._look_up(repair)
        if repair is not None:
            await self._send(task, repair, to_send_again(repair.accepted, seen))

        async def store(conn: AsyncConnection) -> None:
            if repair is not None:
                await repairs.note_seen(conn, repair, seen)

        return store

    async def _look_up(self, repair: Repair) -> dict[UUID, dict[str, Any]]:
        asked, seen = to_ask(repair.accepted), dict[UUID, dict[str, Any]]()
        for first in range(0, len(asked), _MOST):
            ask = partial(_ask, repair.kind, asked[first : first + _MOST])
            found = await self.calls.reading(repair.cipher, "look_up", ask)
            seen |= {each: self.published.sendable(item) for each, item in found.items()}
        return seen

    async def _send(self, task: Task, repair: Repair, differs: Sequence[tuple[LastAccepted, bytes]]) -> None:
        while differs:
            packing, sent = Packing(self.published.body_form), list[LastAccepted]()
            for each, plain in differs:
                if packing.take(plain):
                    sent.append(each)
                else:
                    break
            # What does not fit at all has never been accepted.
            differs = differs[max(1, len(sent)) :]
            if sent:
                await self._send_some(task, repair, sent, packing.body())

    async def _send_some(self, task: Task, repair: Repair, sent: Sequence[LastAccepted], body: bytes) -> None:
        async def mark() -> bool:
            async with transaction(self.engine, "call_repair", of=repair.cipher.organisation_id) as conn:
                return await repairs.call(conn, task, repair.kind, sent)

        kind, said = repair.kind, {"batch_id": task.key, "objects": len(sent)}
        try:
            accepted = await self.calls.sending(
                repair.cipher,
                "send",
                lambda to, token, hooks: to.submit(kind, body, token, hooks),
                mark,
                late=lambda: ask_for_repair(self.engine, repair.cipher.organisation_id, UUID(task.key)),
            )
            if accepted is None:
                raise Later(_ELSEWHERE)
            verdicts = await self._answer(repair, accepted.remote_job_id, {each.id for each in sent})
        except Refusal as refusal:
            # It would not be taken the next time either.
            log.error("a repair is refused", code=refusal.code, **said)
            await self._answered(task)
            return
        except TargetError as fault:
            if fault.http_status is not None:
                await self._answered(task)
            raise
        await self._answered(task)
        if Verdict.AGAIN in verdicts.values():
            raise Later(_ELSEWHERE)
        failed = sum(verdict in (Verdict.ERROR, None) for verdict in verdicts.values())
        log.warning("sent again after a call without an answer", kind=kind.value, failed=failed, **said)

    async def _answer(self, repair: Repair, remote_job_id: str, sent: set[UUID]) -> dict[UUID, Verdict | None]:
        """Asks until it is known what became of each object that was sent."""
        verdicts: dict[UUID, Verdict | None] = {}
        for polls in range(_POLLS):
            with suppress(TimeoutError):
                wait = wait_for_answer(polls, self.first_answer, self.random)
                await asyncio.wait_for(self.stop.wait(), wait.total_seconds())
            answer = await self.calls.sending(
                repair.cipher,
                "poll",
                lambda to, token, hooks: to.poll(repair.kind, remote_job_id, token, hooks),
            )
            assert answer is not None  # noqa: S101 - there is no note that could say no
            verdicts |= {
                each.object_id: each.verdict
                for each in answer.results
                if each.object_id in sent and each.verdict is not Verdict.OPEN
            }
            if verdicts.keys() == sent:
                return verdicts
        raise TryAgain("no_answer")

    async def _answered(self, task: Task) -> None:
        async with transaction(self.engine, "repair_answered", of=task.organisation_id or EVERYBODY) as conn:
            await repairs.answered(conn, task)


async def _ask(
    kind: Kind, ids: Sequence[UUID], to: Connection, token: str, hooks: CallHooks
) -> Mapping[UUID, dict[str, Any]]:
    return await to.look_up(kind, ids, token, hooks)


async def ask_for_repair(engine: AsyncEngine, organisation_id: UUID, batch_id: UUID) -> None:
    """Asks for a repair of a batch at once: the right to call had run out when its call was written."""
    log.error("a call was written when the right to call had run out", batch_id=str(batch_id))
    try:
        async with transaction(engine, "ask_for_repair", of=organisation_id) as conn:
            await repairs.ask(conn, organisation_id, batch_id)
    except (SQLAlchemyError, OSError) as problem:
        # Its answer can't be written down either, and then it is looked at when its job has ended.
        log.warning("no repair could be asked for", batch_id=str(batch_id), **describe_exception(problem))
