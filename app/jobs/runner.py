"""Drives a step with sockets: transactions in Postgres, calls of the target, many side by side."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import batches
from app.db.activity_queue import WakeUp
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, hold
from app.db.engine import statement, transaction
from app.domain.conclusion import Fault, Finish, Snooze
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
from app.jobs.calls import Calls
from app.jobs.deadline import NoTime
from app.jobs.problems import job_problem
from app.jobs.transactions import ONE_STATEMENT, carry_out, settle
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
    # Gives what makes this step's calls; raises TryAgain when there is nothing to make them with.
    calls: Callable[[], Awaitable[Calls]]
    random: Random
    # Whether there is time for another call, and whether the process is told to end.
    time_left: Callable[[], bool]
    stopping: asyncio.Event
    _under_way: dict[asyncio.Task[Stored | CallOutcome], int] = field(default_factory=dict)
    _permitted: list[int] = field(default_factory=list)
    _permit: asyncio.Event = field(default_factory=asyncio.Event)
    _wake_ups: list[WakeUp] = field(default_factory=list)

    async def run(self) -> list[WakeUp]:
        """Runs the step to its end; gives the wake-ups that follow from it.

        Raises LeaseLost when the claim no longer holds, and whatever else a transaction or a call raises, but only
        after everything that was under way has come to its end.
        """
        steps = run_step(self.rules, self.random)
        broken: BaseException | None = None
        told_of_time = False
        try:
            turn = next(steps)
            while True:
                self._begin(turn.begin)
                event, failure = await self._next_event(turn.wake_in)
                broken = broken or failure
                # Before the event: what comes of a call that had no time left depends on why.
                if not told_of_time and not self.time_left():
                    told_of_time = True
                    self._begin(steps.send(TimeUp(self.stopping.is_set())).begin)
                turn = steps.send(event)
        except StopIteration:
            pass
        finally:
            steps.close()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        if broken is not None:
            raise broken
        return self._wake_ups

    def _begin(self, begun: Sequence[Begun]) -> None:
        for each in begun:
            intent = each.intent
            doing: Coroutine[None, None, Stored | CallOutcome] = (
                self._call(intent, each.number) if isinstance(intent, Call) else self._transaction(intent)
            )
            self._under_way[asyncio.create_task(doing)] = each.number

    async def _next_event(self, wake_in: timedelta | None) -> tuple[Event, BaseException | None]:
        """Waits for the first thing that happens, with what went wrong if something of ours did."""
        if not self._permitted and not any(task.done() for task in self._under_way):
            self._permit.clear()
            permit = asyncio.create_task(self._permit.wait())
            timeout = None if wake_in is None else wake_in.total_seconds()
            try:
                await asyncio.wait({permit, *self._under_way}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            finally:
                permit.cancel()
        if self._permitted:
            return Permitted(self._permitted.pop(0)), None
        for task, number in self._under_way.items():
            if task.done():
                del self._under_way[task]
                if (failure := task.exception()) is not None:
                    return Broke(number), failure
                return Done(number, task.result()), None
        return Woken(), None

    async def _transaction(self, intent: Transaction) -> Stored:
        if isinstance(intent, NoteFault):
            self._log_fault(intent)
        begun = statement if isinstance(intent, ONE_STATEMENT) else transaction
        async with begun(self.engine, name_of(type(intent))) as conn:
            if isinstance(intent, Snooze | Finish):
                self._wake_ups = await settle(conn, self.claim, intent)
            else:
                return await carry_out(conn, self.cipher, self.published, self.claim, intent, self.rules)
        if isinstance(intent, Finish):
            self._log_end(intent)
        return Stored()

    def _log_end(self, intent: Finish) -> None:
        log.info(
            "job finished",
            job_id=str(self.claim.job_id),
            stage=self.claim.stage.value,
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
            stage=self.claim.stage.value,
            job_id=str(self.claim.job_id),
            claim=self.claim.number,
        )

    async def _call(self, intent: Call, number: int) -> CallOutcome:
        marked: list[batches.Outgoing] = []
        try:
            calls = await self.calls()
            match intent:
                case Send():
                    return await self._send(calls, intent, number, marked)
                case Poll():
                    return await self._poll(calls, intent, number)
                case LookUp(ids):
                    return Found(
                        await calls.reading(
                            "look_up",
                            lambda token, hooks: calls.connection.look_up(self.claim.stage, ids, token, hooks),
                        )
                    )
        except NoTime:
            return NotMade(out_of_time=True, marked=bool(marked))
        except Refusal as refusal:
            return Refused(refusal.http_status or 0, refusal.answer, refusal.blamed)
        except TryAgain as fault:
            return Failed(Fault(fault.code, fault.retry_after), fault.http_status, fault.answer, bool(marked))

    async def _send(
        self, calls: Calls, intent: Send, number: int, marked: list[batches.Outgoing]
    ) -> Accepted | NotMade:
        async def note(conn: AsyncConnection, *, again: bool) -> bool:
            if again:
                return await batches.may_leave(conn, self.claim)
            batch = await batches.call_batch(conn, self.cipher, self.published, self.claim, intent.batch_id)
            marked[:] = [batch] if batch else []
            return batch is not None

        accepted = await calls.sending(
            "send",
            lambda token, hooks: calls.connection.submit(self.claim.stage, marked[0].body, token, hooks),
            note,
            lambda: self._permits(number),
        )
        return NotMade(out_of_time=False, marked=bool(marked)) if accepted is None else accepted

    async def _poll(self, calls: Calls, intent: Poll, number: int) -> Answered | NotMade:
        began = left = time.monotonic()

        async def note(conn: AsyncConnection, *, again: bool) -> bool:
            nonlocal left
            await hold(conn, self.claim)
            left = time.monotonic()
            return True

        answer = await calls.sending(
            "poll",
            lambda token, hooks: calls.connection.poll(self.claim.stage, intent.remote_job_id, token, hooks),
            note,
            lambda: self._permits(number),
        )
        if answer is None:
            return NotMade(out_of_time=False)
        return Answered(answer.raw, answer.results, timedelta(seconds=left - began))

    def _permits(self, number: int) -> None:
        self._permitted.append(number)
        self._permit.set()
