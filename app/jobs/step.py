"""One step of a job: batches are written and leave, their answers are asked for, what failed is looked up."""

import asyncio
import time
from collections.abc import Coroutine, Set
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import answers, batches, holdings
from app.db.answer_times import answer_time, learn_answer_time
from app.db.cipher import Cipher
from app.db.claims import Claim, hold, note_contact, note_fault, outlook
from app.db.engine import transaction
from app.domain.retry import wait_after_fault, wait_for_answer
from app.domain.roster import uuid_of
from app.domain.steps import CIRCUIT_OPEN, Fault, Outlook, until_next, work
from app.jobs.calls import Calls
from app.jobs.deadline import NoTime
from app.jobs.problems import job_problem
from app.jobs.verdicts import read_answer
from app.settings import Settings
from app.skolverket.faults import Refusal, SkolverketError, TryAgain
from app.skolverket.wire import blamed

# Questions about a batch until an answer without some of its records is taken at its word.
_PATIENT_POLLS = 4

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Step:
    """The parts that a step works with, and what it met."""

    engine: AsyncEngine
    cipher: Cipher
    settings: Settings
    claim: Claim
    calls: Calls
    random: Random
    # Whether Skolverket has taken anything of this job: if not, its faults are the job's and no single record's.
    contact: bool
    faults: list[Fault] = field(default_factory=list)
    # Whether some call was left for the next step.
    late: bool = False
    _doing: set[asyncio.Task[None]] = field(default_factory=set)
    # The batches that are being sent or asked for. One call at a time stands at the door until it has got its slot, so
    # that the next one can be chosen late; new batches are written, and the failed looked up, beside it.
    _busy: set[UUID] = field(default_factory=set)
    _at_door: UUID | None = None
    _left: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: bool = False
    _looking: bool = False

    async def take(self, seen: Outlook) -> None:
        """Works, many calls side by side, for as long as there is something to do and time to begin it.

        Ends when every call has come to its end; raises LeaseLost when the claim no longer holds.
        """
        broken: BaseException | None = None
        before: Set[UUID] = frozenset()
        while True:
            pause: timedelta | None = None
            if broken is None and self._goes_on:
                self._begin(seen, before)
                # While a call stands at the door nothing else can begin: what becomes due then waits for its leaving.
                pause = until_next(seen, self._busy) if self._at_door is None else None
            if not self._doing:
                break
            await self._something_happens(pause)
            done = {task for task in self._doing if task.done()}
            self._doing -= done
            # Of each is asked, or asyncio would log the texts of those that were not.
            failed = [problem for task in done if (problem := task.exception())]
            broken = next(iter(failed), broken)
            if broken is None:
                # What ends while the database is asked still looks open in its answer.
                before = frozenset(self._busy)
                try:
                    async with self.engine.connect() as conn:
                        seen = await outlook(conn, self.claim)
                except Exception as lost:
                    broken = lost
        if broken is not None:
            raise broken

    @property
    def _goes_on(self) -> bool:
        """After a fault, and without time for another call, what is under way comes to its end and nothing begins."""
        return not self.faults and not self.late and self.calls.time_left

    async def _something_happens(self, pause: timedelta | None) -> None:
        """Returns when a call has left or ended, or when the pause is over."""
        self._left.clear()
        leaving = asyncio.create_task(self._left.wait())
        timeout = None if pause is None else pause.total_seconds()
        try:
            await asyncio.wait({leaving, *self._doing}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()

    def _begin(self, seen: Outlook, before: Set[UUID]) -> None:
        todo = work(seen, self._busy | before)
        if self._at_door is None:
            # What is sent first is being worked on while the others are asked for.
            if todo.send:
                self._start(self._send(todo.send[0]), todo.send[0])
            elif todo.ask:
                self._start(self._ask(todo.ask[0]), todo.ask[0])
        if todo.write and not self._writing:
            self._writing = True
            self._start(self._write(todo.write))
        if todo.look and not self._looking:
            self._looking = True
            self._start(self._look_up())

    def _start(self, doing: Coroutine[None, None, None], batch_id: UUID | None = None) -> None:
        async def until_done() -> None:
            try:
                await doing
            finally:
                if batch_id is not None:
                    self._busy.discard(batch_id)
                    self._leaves(batch_id)

        if batch_id is not None:
            self._busy.add(batch_id)
            self._at_door = batch_id
        self._doing.add(asyncio.create_task(until_done()))

    def _leaves(self, batch_id: UUID) -> None:
        if self._at_door == batch_id:
            self._at_door = None
            self._left.set()

    async def _write(self, most: int) -> None:
        try:
            horizon = self.settings.fault_horizon if self.contact else None
            for _ in range(most):
                async with transaction(self.engine, "write") as conn:
                    batch = await batches.write_batch(conn, self.cipher, self.claim, horizon)
                if batch is None or not self._goes_on:
                    break
                self._left.set()
        finally:
            self._writing = False

    async def _look_up(self) -> None:
        """Asks which of the failed records Skolverket holds from before: those block nobody."""
        try:
            async with self.engine.connect() as conn:
                asked = await holdings.unasked(conn, self.claim)
            found = await self.calls.reading(
                "look_up", lambda token: self.calls.api.lookup(self.claim.stage, token, ids=asked)
            )
            held = set(asked) & {uuid_of(item.get("id")) for item in found}
        except NoTime:
            self.late = True
            return
        except Refusal as refusal:
            # What cannot be asked counts as missing: those that need it stay here, and say so.
            log.warning("lookup refused", job_id=str(self.claim.job_id), http_status=refusal.http_status)
            held = set()
        except TryAgain as fault:
            await self._met(fault)
            return
        finally:
            self._looking = False
        async with transaction(self.engine, "note_holdings") as conn:
            await holdings.note_holdings(conn, self.claim, asked, held)
            await note_contact(conn, self.claim)

    async def _send(self, batch_id: UUID) -> None:
        leaving: list[batches.Outgoing] = []

        async def note(conn: AsyncConnection, *, again: bool) -> bool:
            if again:
                return await batches.may_leave(conn, self.claim)
            batch = await batches.call_batch(conn, self.cipher, self.claim, batch_id)
            leaving[:] = [batch] if batch else []
            return batch is not None

        try:
            taken = await self.calls.sending(
                "send",
                lambda token: self.calls.api.send(self.claim.stage, leaving[0].body, token),
                note,
                lambda: self._leaves(batch_id),
            )
        except NoTime:
            self.late = True
            if leaving:
                await self._take_back(batch_id)
            return
        except Refusal as refusal:
            async with transaction(self.engine, "refuse") as conn:
                await answers.refuse_batch(
                    conn,
                    self.cipher,
                    self.claim,
                    batch_id,
                    refusal.http_status or 0,
                    refusal.answer,
                    blamed(refusal.answer),
                )
                await note_contact(conn, self.claim)
            return
        except TryAgain as fault:
            await self._met(fault)
            if leaving:
                await self._sent_in_vain(batch_id, fault)
            return
        if taken is None:
            if leaving:
                await self._take_back(batch_id)
            return
        async with transaction(self.engine, "accept") as conn:
            poll_in = await self._poll_in(conn, 0)
            await answers.accept_batch(conn, self.claim, batch_id, taken.http_status, taken.job_id, poll_in)
            await note_contact(conn, self.claim)

    async def _take_back(self, batch_id: UUID) -> None:
        async with transaction(self.engine, "take_back") as conn:
            await batches.take_back(conn, self.claim, batch_id)

    async def _sent_in_vain(self, batch_id: UUID, fault: SkolverketError) -> None:
        wait = wait_after_fault(timedelta(), fault.retry_after, self.random)
        async with transaction(self.engine, "put_off") as conn:
            if fault.http_status is not None:
                await answers.put_off_batch(
                    conn, self.cipher, self.claim, batch_id, fault.http_status, fault.answer, wait
                )
            else:
                await answers.lose_batch(conn, self.cipher, self.claim, batch_id, fault.code, wait)

    async def _ask(self, batch_id: UUID) -> None:
        async with self.engine.connect() as conn:
            batch = await answers.accepted_batch(conn, self.claim, batch_id)
            if batch is None:
                return
            poll_in = await self._poll_in(conn, batch.polls + 1)
        began = left = time.monotonic()

        async def note(conn: AsyncConnection, *, again: bool) -> bool:
            nonlocal left
            await hold(conn, self.claim)
            left = time.monotonic()
            return True

        overdue = batch.age >= self.settings.fault_horizon
        try:
            answer = await self.calls.sending(
                "ask",
                lambda token: self.calls.api.job_status(self.claim.stage, batch.remote_job_id, token),
                note,
                lambda: self._leaves(batch_id),
            )
            assert answer is not None  # noqa: S101 - `note` never says no
            read = read_answer(answer, batch, self.claim, self.cipher, self.random)
        except NoTime:
            self.late = True
            return
        except Refusal:
            # Skolverket took the batch and now does not know it: the same objects go again.
            await self._met(TryAgain("job_unknown"))
            longest = max(batch.waiting.values(), default=timedelta())
            again_in = None if overdue else wait_after_fault(longest, None, self.random)
            async with transaction(self.engine, "job_unknown") as conn:
                await answers.lose_batch(conn, self.cipher, self.claim, batch_id, "job_unknown", again_in)
            return
        except TryAgain as fault:
            await self._met(fault)
            async with transaction(self.engine, "postpone") as conn:
                if overdue:
                    await answers.lose_batch(conn, self.cipher, self.claim, batch_id, "no_answer", None)
                else:
                    await answers.postpone_batch(conn, self.claim, batch_id, max(poll_in, timedelta(seconds=2)))
            return
        async with transaction(self.engine, "answer") as conn:
            waiting = await answers.answer_batch(conn, self.cipher, self.claim, batch_id, answer, read.changes, poll_in)
            # An answer that is complete and still lacks some of ours will not get better.
            given_up = waiting and (overdue or (batch.polls >= _PATIENT_POLLS and not read.unfinished))
            if given_up:
                code, again_in = ("no_answer", None) if overdue else ("answer_incomplete", timedelta(seconds=1))
                await answers.lose_batch(conn, self.cipher, self.claim, batch_id, code, again_in)
            await note_contact(conn, self.claim)
        if read.foreign:
            await self._met(TryAgain("answer_foreign"))
        if given_up:
            await self._met(TryAgain("no_answer" if overdue else "answer_incomplete"))
        if not waiting:
            age = batch.age + timedelta(seconds=left - began)
            async with transaction(self.engine, "learn") as conn:
                await learn_answer_time(conn, self.claim.stage, self._first_guess, batch.polls + 1, age)

    @property
    def _first_guess(self) -> timedelta:
        return timedelta(seconds=self.settings.skolverket_answer_after)

    async def _poll_in(self, conn: AsyncConnection, polls: int) -> timedelta:
        usual = await answer_time(conn, self.claim.stage) or self._first_guess
        return wait_for_answer(polls, usual, self.random)

    async def _met(self, fault: SkolverketError) -> None:
        self.faults.append(await tell(self.engine, self.claim, fault))


async def tell(engine: AsyncEngine, claim: Claim, fault: SkolverketError) -> Fault:
    """Tells everybody who looks what went wrong: operators by the log, callers by the job."""
    problem = job_problem(fault.code)
    log.warning(
        "call to Skolverket failed",
        code=fault.code,
        http_status=fault.http_status,
        detail=problem["detail"],
        stage=claim.stage.value,
        job_id=str(claim.job_id),
        claim=claim.number,
    )
    async with transaction(engine, "fault") as conn:
        # Waiting for a service that is away is no attempt.
        await note_fault(conn, claim, problem, counts=fault.code != CIRCUIT_OPEN)
    return Fault(fault.code, fault.retry_after)
