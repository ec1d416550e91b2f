"""Drives steps by dice: a worker of the model does one transaction or one call at a time, and may stop anywhere."""

import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from random import Random
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from app.db import answers, batches
from app.db.claims import Claim
from app.db.verbs import LeaseLost
from app.domain.conclusion import Fault, Finish, Hold, Snooze
from app.domain.intents import (
    Accepted,
    Answered,
    Broke,
    Call,
    CallOutcome,
    Done,
    Event,
    Failed,
    LookUp,
    NotMade,
    Permitted,
    Poll,
    Refused,
    Send,
    Stored,
    TimeUp,
    Transaction,
    Woken,
    WriteBatch,
)
from app.domain.kinds import Kind
from app.domain.traits import marking
from app.jobs.transactions import carry_out, settle
from app.skolverket.published import PUBLISHED
from app.skolverket.results import blamed, item_results
from tests.database import epochs
from tests.database.drain import RULES
from tests.database.model import Cut, World
from tests.database.virtual_time import FORWARD
from tests.stepping import Stepping

_END: Final = sa.text("SELECT end_epoch(id, beat, gen_random_uuid()) FROM epoch WHERE id = :epoch AND state <> 'ended'")

# How strongly each person is protected by what was accepted last, or by any current roster.
_STRONGEST: Final = sa.text(
    """
    SELECT id, max(marking) AS marking FROM (
        SELECT id, marking FROM object WHERE kind = 'persons'
        UNION ALL
        SELECT object_id, marking FROM roster_item WHERE kind = 'persons'
    ) said (id, marking) GROUP BY id
    """
)

# What a die may mean; the first is what an honest day brings.
_SENT: Final = ("taken", "taken", "taken", "unanswered", "never left", "503", "413", "blames one")
_ANSWERED: Final = (
    "Success",
    "Success",
    "Error",
    "Warning",
    "TemporaryError",
    "Pending",
    "Odd",
    None,
    "away",
    "unknown",
)

# A call goes on with each die, and gives what came of it at its end.
Course = AsyncGenerator[CallOutcome | None, int]


class Worker:
    """One worker with at most one job, which goes on only when it is told to."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.id = UUID(int=number + 1)
        self.held: Claim | None = None
        # Its time with an egress of its own.
        self.epoch: UUID | None = None
        self._dead: list[UUID] = []
        self._step: Stepping | None = None
        self._calls: dict[int, Course] = {}

    @property
    def idle(self) -> bool:
        """Tells whether it has nothing to go on with."""
        return self._step is None

    @property
    def end(self) -> Finish | None:
        """Gives how its job is about to end, once that is decided."""
        begun = () if self._step is None else self._step.begun.values()
        return next((intent for intent in begun if isinstance(intent, Finish)), None)

    async def claim(self, job_id: UUID | None) -> bool:
        """Takes a job, if there is one."""
        world = self._world
        in_progress = await world.rows("SELECT id FROM job WHERE holder IS NOT NULL")
        async with world.begin() as conn:
            held = await epochs.claim(conn, job_id, epoch=self.epoch or await self._begin())
        if held is None:
            return False
        assert held.job_id not in {row.id for row in in_progress}, "a job was taken from its holder"
        assert held.number > world.numbers.get(held.job_id, 0), "two claims have one number"
        world.numbers[held.job_id] = held.number
        # What it had in hand is forgotten.
        await self._drop()
        self.held, self._step = held, Stepping(RULES, held.opened, Random(held.number))
        return True

    async def _begin(self) -> UUID:
        async with self._world.engine.begin() as conn:
            self.epoch = await epochs.begin_epoch(conn, self.id)
        return self.epoch

    async def taken_over(self) -> None:
        """Has somebody else notice that its beat stands still: what it had in hand is free. It may not be dead."""
        for epoch in [*self._dead, *([self.epoch] if self.epoch else [])]:
            async with self._world.engine.begin() as conn:
                await conn.execute(_END, {"epoch": epoch})
        self._dead, self.epoch = [], None

    async def die(self) -> None:
        """Ends at once: what it was about to do is never done, and its beat stands still from now on."""
        if self.epoch is not None:
            self._dead.append(self.epoch)
            self.epoch = None
        await self._drop()

    async def _drop(self) -> None:
        calls, self._calls, self._step, self.held = self._calls, {}, None, None
        for call in calls.values():
            await call.aclose()

    async def go_on(self, die: int) -> None:
        """Does the next transaction or call; one whose claim is over leaves no trace, and is told so when it is not."""
        held, step, world = self.held, self._step, self._world
        if held is None or step is None:
            return
        overtaken = world.numbers[held.job_id] > held.number
        before = await world.digest() if overtaken else None
        if die % 32 == 31:
            step.tell(TimeUp())
        elif not step.begun or (die % 32 == 30 and step.wake_in is not None):
            if step.wake_in is not None:
                async with world.engine.begin() as conn:
                    await conn.execute(sa.text(FORWARD), {"by": step.wake_in})
            step.tell(Woken())
        else:
            await self._do_one(held, step, die // 2)
        if step.ended:
            await self._drop()
        assert before is None or before == await world.digest(), "an old claim has written"

    async def finish_step(self) -> None:
        """Goes on by honest days to the end of what it has in hand."""
        for _ in range(300):
            if self.idle:
                return
            await self.go_on(0)
        raise AssertionError("a step does not come to its end")

    async def _do_one(self, held: Claim, step: Stepping, die: int) -> None:
        number = list(step.begun)[die % len(step.begun)]
        intent = step.begun[number]
        event: Event
        try:
            if isinstance(intent, Call):
                if (outcome := await self._call_on(held, step, number, intent, die // len(step.begun))) is None:
                    return
                event = Done(number, outcome)
            else:
                event = Done(number, await self._transaction(held, intent))
        except Cut:
            event = Broke(number)
        except LeaseLost:
            if not await self._world.stale(held):
                raise AssertionError("the holder of a job was told that it is none") from None
            event = Broke(number)
        self._calls.pop(number, None)
        step.begun.pop(number)
        step.tell(event)

    async def _transaction(self, held: Claim, intent: Transaction) -> Stored:
        world, over = self._world, await self._world.stops(held.run_id)
        async with world.begin() as conn:
            if isinstance(intent, Snooze | Hold | Finish):
                wake_ups, stored = [*(await settle(conn, held, intent)).wake_ups], Stored()
            else:
                wake_ups, stored = [], await carry_out(conn, world.cipher, PUBLISHED, held, intent, RULES)
        written = isinstance(intent, WriteBatch) and stored.result
        assert not (written and over), "a batch was written after the cancel or pause of its run had been answered"
        world.bell += wake_ups
        return stored

    async def _call_on(self, held: Claim, step: Stepping, number: int, intent: Call, die: int) -> CallOutcome | None:
        if number not in self._calls:
            match intent:
                case Send():
                    self._calls[number] = self._send(held, step, number, intent)
                case Poll():
                    self._calls[number] = self._poll(held, intent)
                case LookUp(ids):
                    return self._world.skolverket.look_up(held, ids)
            await anext(self._calls[number])
        outcome = await self._calls[number].asend(die)
        if outcome is not None:
            await self._calls.pop(number).aclose()
        return outcome

    async def _send(self, held: Claim, step: Stepping, number: int, intent: Send) -> Course:
        world = self._world
        yield None
        over = await world.stops(held.run_id)
        async with world.begin() as conn:
            out = await batches.call_batch(conn, world.cipher, PUBLISHED, held, intent.batch_id)
            assert out is None or world.numbers[held.job_id] == held.number, "two workers write for one job"
            if out is not None and held.kind is Kind.PERSONS:
                strongest = {row.id: row.marking for row in await conn.execute(_STRONGEST)}
                for each in json.loads(out.body)["data"]:
                    assert marking(each) >= strongest.get(UUID(each["id"]), 0), "a protection was taken away"
        step.tell(Permitted(number))
        if out is None:
            yield NotMade(out_of_time=False)
            return
        assert not over, "a batch left after the cancel or pause of its run had been answered"
        die = yield None
        outcome = _SENT[die % len(_SENT)]
        if outcome == "never left":
            yield NotMade(out_of_time=bool(die % 2), marked=True)
            return
        await world.arrive(held, out, kept=outcome in {"taken", "unanswered"})
        yield None
        yield _what_came_of(outcome, out)

    async def _poll(self, held: Claim, intent: Poll) -> Course:
        world = self._world
        die = yield None
        status = _ANSWERED[die % len(_ANSWERED)]
        async with world.engine.connect() as conn:
            batch = await answers.accepted_batch(conn, held, intent.batch_id)
        if batch is None or status == "unknown":
            yield Refused(404)
        elif status == "away":
            yield Failed(Fault("http_503"), 503)
        else:
            answer = world.skolverket.answer(held, batch, status)
            yield Answered(answer, item_results(answer), timedelta())


def _what_came_of(outcome: str, out: batches.Outgoing) -> CallOutcome:
    match outcome:
        case "taken":
            return Accepted(202, str(out.id))
        case "unanswered":
            return Failed(Fault("timeout"), marked=True)
        case "503":
            return Failed(Fault("http_503"), 503, b"[]", marked=True)
        case _:
            blame = [{"resourceId": json.loads(out.body)["data"][0]["id"]}] if outcome == "blames one" else []
            answer = json.dumps(blame).encode()
            return Refused(400, answer, blamed(answer))
