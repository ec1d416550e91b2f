"""Drives a step with sockets: transactions in Postgres, calls of the target, many side by side."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import batches
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim
from app.db.engine import statement
from app.domain.conclusion import Fault, Finish, Hold, Snooze
from app.domain.courses import Rules
from app.domain.intents import (
    Accepted,
    Answered,
    Begun,
    Broke,
    Call,
    CallOutcome,
    Done,
    Event,
    Failed,
    Found,
    LookUp,
    NoteFault,
    NotMade,
    Permitted,
    Poll,
    Refused,
    Send,
    Stored,
    TimeUp,
    Transaction,
    Woken,
    name_of,
)
from app.domain.step import run_step
from app.jobs.bodies import Bodies
from app.jobs.calls import Calls
from app.jobs.pacer import NoPermit
from app.jobs.problems import job_problem
from app.jobs.services import NotTried
from app.jobs.tasks.repair import ask_for_repair
from app.jobs.transactions import Settled, carry_out, settle
from app.jobs.watchdog import name_of_step
from app.target import Published, Refusal, TryAgain

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Runner:
    """The parts that one step of a claimed job is driven with."""

    engine: AsyncEngine
    cipher: OrganisationCipher
    published: Published
    claim: Claim
    rules: Rules
    calls: Calls
    random: Random
    bodies: Bodies = field(default_factory=Bodies)
    # The batches that this step has written down.
    _written: list[UUID] = field(default_factory=list)
    _under_way: set[asyncio.Task[Stored | CallOutcome]] = field(default_factory=set)
    _events: asyncio.Queue[Event | tuple[int, asyncio.Task[Stored | CallOutcome]]] = field(
        default_factory=asyncio.Queue
    )
    _settled: Settled = field(default_factory=Settled)
    # The batch that a transaction was about which went wrong.
    broken_batch: UUID | None = None

    async def run(self) -> Settled:
        """Runs the step to its end; gives what follows from it.

        Raises LeaseLost when the claim no longer holds, and whatever else a transaction or a call raises, but only
        after everything that was under way has come to its end.
        """
        steps = run_step(self.rules, self.random, self.claim.opened)
        broken: BaseException | None = None
        try:
            turn = next(steps)
            while True:
                self._begin(turn.begin)
                event, failure = await self._next_event(turn.wake_in)
                broken = broken or failure
                turn = steps.send(event)
        except StopIteration:
            pass
        finally:
            steps.close()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            for batch_id in self._written:
                self.bodies.take(batch_id)
        if broken is not None:
            raise broken
        return self._settled

    def end(self) -> None:
        """Tells the step that no further call may be made."""
        self._events.put_nowait(TimeUp())

    def look(self) -> None:
        """Tells the step that something has changed: it looks at its job anew."""
        self._events.put_nowait(Woken())

    def _begin(self, begun: Sequence[Begun]) -> None:
        for each in begun:
            intent, number = each.intent, each.number
            doing: Coroutine[None, None, Stored | CallOutcome] = (
                self._call(intent, number) if isinstance(intent, Call) else self._transaction(intent)
            )
            task = asyncio.create_task(doing, name=name_of_step(self.claim.job_id))
            self._under_way.add(task)
            task.add_done_callback(partial(self._done, number))

    def _done(self, number: int, task: asyncio.Task[Stored | CallOutcome]) -> None:
        self._under_way.discard(task)
        self._events.put_nowait((number, task))

    async def _next_event(self, wake_in: timedelta | None) -> tuple[Event, BaseException | None]:
        """Waits for the first thing that happens, with what went wrong if something of ours did."""
        try:
            async with asyncio.timeout(None if wake_in is None else wake_in.total_seconds()):
                event = await self._events.get()
        except TimeoutError:
            return Woken(), None
        if not isinstance(event, tuple):
            return event, None
        number, task = event
        if (failure := task.exception()) is not None:
            return Broke(number), failure
        return Done(number, task.result()), None

    async def _transaction(self, intent: Transaction) -> Stored:
        if isinstance(intent, NoteFault):
            self._log_fault(intent)
        try:
            async with statement(self.engine, name_of(type(intent)), of=self.claim.organisation_id) as conn:
                if isinstance(intent, Snooze | Hold | Finish):
                    self._settled = await settle(conn, self.claim, intent, go_on=True)
                else:
                    return await carry_out(
                        conn, self.cipher, self.published, self.claim, intent, self.rules, self._keep
                    )
        except Exception:
            self.broken_batch = self.broken_batch or getattr(intent, "batch_id", None)
            raise
        if isinstance(intent, Finish):
            self._log_end(intent)
        return Stored()

    def _keep(self, batch: batches.Outgoing) -> None:
        self._written.append(batch.id)
        self.bodies.keep(batch)

    def _log_end(self, intent: Finish) -> None:
        log.info(
            "job finished",
            job_id=str(self.claim.job_id),
            kind=self.claim.kind.value,
            status=intent.status,
            code=intent.code,
            cause=intent.cause,
        )

    def _log_fault(self, intent: NoteFault) -> None:
        log.warning(
            "call to Skolverket failed",
            code=intent.fault.code,
            http_status=intent.http_status,
            detail=job_problem(intent.fault.code)["detail"],
            kind=self.claim.kind.value,
            job_id=str(self.claim.job_id),
            claim=self.claim.number,
        )

    async def _call(self, intent: Call, number: int) -> CallOutcome:
        marked: list[batches.Outgoing] = []
        try:
            match intent:
                case Send():
                    return await self._send(intent, number, marked)
                case Poll():
                    return await self._poll(intent, number)
                case LookUp(ids):
                    kind = self.claim.kind
                    found = await self.calls.reading(
                        self.cipher, "look_up", lambda to, token, hooks: to.look_up(kind, ids, token, hooks)
                    )
                    return Found({each: self.published.sendable(item) for each, item in found.items()})
        except NoPermit:
            return NotMade(out_of_time=True, marked=bool(marked))
        except Refusal as refusal:
            return Refused(refusal.http_status or 0, refusal.answer, refusal.blamed)
        except TryAgain as fault:
            tried = not isinstance(fault, NotTried)
            return Failed(Fault(fault.code, fault.retry_after, tried), fault.http_status, fault.answer, bool(marked))

    async def _send(self, intent: Send, number: int, marked: list[batches.Outgoing]) -> Accepted | NotMade:
        async def mark() -> bool:
            kept = self.bodies.take(intent.batch_id)
            async with statement(self.engine, "mark_called", of=self.claim.organisation_id) as conn:
                batch = await batches.call_batch(conn, self.cipher, self.published, self.claim, intent.batch_id, kept)
            marked[:] = [batch] if batch else []
            return batch is not None

        accepted = await self.calls.sending(
            self.cipher,
            "send",
            lambda to, token, hooks: to.submit(self.claim.kind, marked[0].body, token, hooks),
            mark,
            lambda: self._events.put_nowait(Permitted(number)),
            lambda: ask_for_repair(self.engine, self.claim.organisation_id, intent.batch_id),
        )
        return NotMade(out_of_time=False, marked=bool(marked)) if accepted is None else accepted

    async def _poll(self, intent: Poll, number: int) -> Answered | NotMade:
        began = time.monotonic()
        left = began

        def near() -> None:
            nonlocal left
            left = time.monotonic()
            self._events.put_nowait(Permitted(number))

        answer = await self.calls.sending(
            self.cipher,
            "poll",
            lambda to, token, hooks: to.poll(self.claim.kind, intent.remote_job_id, token, hooks),
            near=near,
        )
        if answer is None:
            return NotMade(out_of_time=False)
        return Answered(answer.raw, answer.results, timedelta(seconds=left - began))
