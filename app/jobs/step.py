"""One step of a job: what is written leaves, what is due is asked for, new batches are written."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import answers, batches
from app.db.cipher import Cipher
from app.db.claims import Claim, hold, note_contact, note_fault
from app.db.records import Change
from app.domain.outcome import Verdict, judge
from app.domain.remarks import remark
from app.domain.retry import wait_after_fault, wait_for_answer
from app.domain.steps import Fault, Work
from app.jobs.calls import Calls, NoTime
from app.jobs.problems import job_problem
from app.settings import Settings
from app.skolverket.client import ProvisioningApi
from app.skolverket.faults import Refusal, SkolverketError, TryAgain
from app.skolverket.wire import blamed, item_answers

# Questions about a batch until an answer without some of its records is taken at its word.
_PATIENT_POLLS = 4

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Step:
    """The parts that a step works with, and the faults that it met."""

    engine: AsyncEngine
    cipher: Cipher
    settings: Settings
    claim: Claim
    calls: Calls
    api: ProvisioningApi
    random: Random
    # Whether Skolverket has taken anything of this job: if not, its faults are the job's and no single record's.
    contact: bool
    faults: list[Fault] = field(default_factory=list)
    # Whether a call found no slot in time.
    crowded: bool = False

    async def take(self, work: Work) -> None:
        """Does the work, its calls side by side; raises LeaseLost when the claim no longer holds."""
        fresh = await self._write(work.write)
        doing = [*(self._send(each) for each in (*work.send, *fresh)), *(self._ask(each) for each in work.ask)]
        await _all(doing)

    async def _write(self, most: int) -> Sequence[UUID]:
        written: list[UUID] = []
        horizon = self.settings.fault_horizon if self.contact else None
        while len(written) < most:
            async with self.engine.begin() as conn:
                batch = await batches.write_batch(conn, self.cipher, self.claim, horizon)
            if batch is None:
                break
            written.append(batch.id)
        return written

    async def _send(self, batch_id: UUID) -> None:
        leaving: list[batches.Outgoing] = []

        async def note(conn: AsyncConnection) -> bool:
            batch = await batches.call_batch(conn, self.cipher, self.claim, batch_id)
            leaving[:] = [batch] if batch else []
            return batch is not None

        try:
            taken = await self.calls.sending(
                lambda token: self.api.send(self.claim.stage, leaving[0].body, token), note
            )
        except NoTime:
            self.crowded = True
            if leaving:
                await self._sent_in_vain(batch_id, TryAgain("no_time"))
            return
        except Refusal as refusal:
            async with self.engine.begin() as conn:
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
            return
        async with self.engine.begin() as conn:
            await answers.accept_batch(conn, self.claim, batch_id, taken.http_status, taken.job_id, self._poll_in(0))
            await note_contact(conn, self.claim)

    async def _sent_in_vain(self, batch_id: UUID, fault: SkolverketError) -> None:
        wait = wait_after_fault(timedelta(), fault.retry_after, self.random)
        async with self.engine.begin() as conn:
            if fault.http_status is not None:
                await answers.put_off_batch(
                    conn, self.cipher, self.claim, batch_id, fault.http_status, fault.answer, wait
                )
            else:
                await answers.lose_batch(conn, self.cipher, self.claim, batch_id, fault.code, wait)

    async def _ask(self, batch_id: UUID) -> None:
        async with self.engine.connect() as conn:
            batch = await answers.accepted_batch(conn, self.claim, batch_id)

        async def note(conn: AsyncConnection) -> bool:
            await hold(conn, self.claim)
            return True

        poll_in = self._poll_in(batch.polls + 1)
        overdue = batch.age >= self.settings.fault_horizon
        try:
            answer = await self.calls.sending(
                lambda token: self.api.job_status(self.claim.stage, batch.remote_job_id, token), note
            )
            assert answer is not None  # noqa: S101 - `note` never says no
            changes, unfinished = self._read(answer, batch)
        except NoTime:
            self.crowded = True
            return
        except Refusal:
            # Skolverket took the batch and now does not know it: the same objects go again.
            await self._met(TryAgain("job_unknown"))
            longest = max(batch.waiting.values(), default=timedelta())
            again_in = None if overdue else wait_after_fault(longest, None, self.random)
            async with self.engine.begin() as conn:
                await answers.lose_batch(conn, self.cipher, self.claim, batch_id, "job_unknown", again_in)
            return
        except TryAgain as fault:
            await self._met(fault)
            async with self.engine.begin() as conn:
                if overdue:
                    await answers.lose_batch(conn, self.cipher, self.claim, batch_id, "no_answer", None)
                else:
                    await answers.postpone_batch(conn, self.claim, batch_id, max(poll_in, timedelta(seconds=2)))
            return
        async with self.engine.begin() as conn:
            waiting = await answers.answer_batch(conn, self.cipher, self.claim, batch_id, answer, changes, poll_in)
            # An answer that is complete and still lacks some of ours will not get better.
            if waiting and (overdue or (batch.polls >= _PATIENT_POLLS and not unfinished)):
                again_in = None if overdue else timedelta(seconds=1)
                await answers.lose_batch(conn, self.cipher, self.claim, batch_id, "no_answer", again_in)
            await note_contact(conn, self.claim)

    def _read(self, answer: bytes, batch: answers.Awaited) -> tuple[Sequence[Change], bool]:
        """Gives what the answer says of records that still wait for it, and whether it is unfinished."""
        changes: dict[UUID, Change] = {}
        foreign, unfinished = 0, False
        for item in item_answers(answer):
            foreign += item.object_id not in batch.record_ids
            if item.object_id not in batch.waiting:
                continue
            wait = wait_after_fault(batch.waiting[item.object_id], None, self.random)
            raw = json.dumps(item.raw, separators=(",", ":")).encode("ascii")
            change = self._change(item.object_id, item.status, wait, raw)
            if change is None:
                unfinished = True
            else:
                changes[item.object_id] = change
        if foreign:
            log.warning("answer names objects that the batch lacks", job_id=str(self.claim.job_id), objects=foreign)
        return list(changes.values()), unfinished

    def _change(self, object_id: UUID, status: str | None, wait: timedelta, raw: bytes) -> Change | None:
        received = self.cipher.seal(raw, self.claim.organisation_id, self.claim.stage, object_id, "received")
        match judge(status):
            case Verdict.OPEN:
                return None
            case Verdict.AGAIN:
                return Change(object_id, "pending", received=received, again_in=wait, faulty=True)
            case None:
                return Change(object_id, "error", received=received, remarks=[remark("unknown_status")])
            case verdict:
                return Change(object_id, verdict.value, received=received)

    def _poll_in(self, polls: int) -> timedelta:
        return wait_for_answer(polls, timedelta(seconds=self.settings.skolverket_answer_after), self.random)

    async def _met(self, fault: SkolverketError) -> None:
        self.faults.append(Fault(fault.code, fault.retry_after))
        log.warning(
            "call to Skolverket failed",
            code=fault.code,
            stage=self.claim.stage.value,
            job_id=str(self.claim.job_id),
            claim=self.claim.number,
        )
        async with self.engine.begin() as conn:
            await note_fault(conn, self.claim, job_problem(fault.code))


async def _all(doing: Sequence[Awaitable[None]]) -> None:
    """Lets every call come to its end before the first error is raised: each has written down what it knows."""
    results = await asyncio.gather(*doing, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
