"""A worker of the model, which may stop anywhere.

It does what one of `app.jobs` does, by the same store functions and decisions, a transaction or a call at a time.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from app.db import answers, batches, claims, holdings, lane
from app.db.claims import Claim, LeaseLost
from app.domain.steps import Fault, Finish, GiveUp, Snooze, conclude, work
from app.jobs.problems import job_problem
from app.jobs.verdicts import read_answer
from app.skolverket.wire import blamed
from tests.database.factories import HORIZON
from tests.database.model import Cut, World

_LEASE: Final = timedelta(seconds=30)
_NOW: Final = timedelta()
_SOON: Final = timedelta(seconds=2)

# What a die may mean; the first is what an honest day brings.
_SENT: Final = ("taken", "taken", "taken", "unanswered", "never left", "503", "413", "blames one", "late")
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

Die = AsyncGenerator[None, int]


class Worker:
    """One worker with at most one job, which goes on only when it is told to."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.id = UUID(int=number + 1)
        self.held: Claim | None = None
        # How its job is about to end, once that is decided.
        self.end: Finish | None = None
        self._life: Die | None = None
        self._faults: list[Fault] = []

    @property
    def idle(self) -> bool:
        """Tells whether it has nothing to go on with."""
        return self._life is None

    async def claim(self, job_id: UUID | None) -> bool:
        """Takes a job, if there is one."""
        world = self._world
        leased = await world.rows("SELECT id FROM job WHERE lease_until > clock_timestamp()")
        async with world.begin() as conn:
            held = await claims.claim(conn, self.id, _LEASE, job_id)
        if held is None:
            return False
        assert held.job_id not in {row.id for row in leased}, "a job was taken from its holder"
        assert held.number > world.numbers.get(held.job_id, 0), "two claims have one number"
        world.numbers[held.job_id] = held.number
        await self.die()
        self.held, self._faults = held, []
        self._life = self._step(held)
        await anext(self._life)
        return True

    async def die(self) -> None:
        """Ends at once: what it was about to do is never done."""
        life, self._life, self.held, self.end = self._life, None, None, None
        if life is not None:
            await life.aclose()

    async def go_on(self, die: int) -> None:
        """Does the next transaction or call; one whose claim is over leaves no trace, and is told so when it is not."""
        held, life, world = self.held, self._life, self._world
        if held is None or life is None:
            return
        overtaken = world.numbers[held.job_id] > held.number
        before = await world.digest() if overtaken else None
        try:
            await life.asend(die)
        except (StopAsyncIteration, Cut):
            await self.die()
        except LeaseLost:
            assert await world.stale(held), "the holder of a job was told that it is none"
            await self.die()
        assert before is None or before == await world.digest(), "an old claim has written"

    async def finish_step(self) -> None:
        """Goes on by honest days to the end of what it has in hand."""
        for _ in range(300):
            if self.idle:
                return
            await self.go_on(0)
        raise AssertionError("a step does not come to its end")

    async def _step(self, held: Claim) -> Die:
        world, cipher = self._world, self._world.cipher
        yield
        async with world.begin() as conn:
            await answers.lose_called(conn, cipher, held)
            await batches.refuse_broken(conn, held)
            seen = await batches.look(conn, held)
        die = yield
        if work(seen):
            calls: dict[UUID, Die] = {}
            while True:
                if calls and die % 2 == 0:
                    await self._call_on(calls, die // 2)
                    die = yield
                    continue
                async with world.begin() as conn:
                    todo = work(await claims.outlook(conn, held), set(calls))
                # After a fault, and when its time is over, what is under way comes to its end and nothing begins.
                begins = not self._faults and die % 32 != 31
                choices: list[Callable[[Claim], Awaitable[None]]] = []
                if begins:
                    choices += [partial(self._begin, calls, self._send, each) for each in todo.send]
                    choices += [partial(self._begin, calls, self._ask, each) for each in todo.ask]
                    choices += [self._write] * bool(todo.write) + [self._look_up] * todo.look
                if choices:
                    await choices[die // 2 % len(choices)](held)
                elif calls:
                    await self._call_on(calls, die // 2)
                else:
                    break
                die = yield
        while self.end is None:
            async with world.begin() as conn:
                match conclude(await batches.look(conn, held), self._faults, HORIZON, Random(die)):
                    case GiveUp(cause):
                        await batches.drop_written(conn, held)
                        await batches.give_up(conn, held, cause)
                        await holdings.assume_nothing_held(conn, held)
                    case Snooze(delay):
                        world.bell.append(await claims.snooze(conn, held, delay))
                        return
                    case Finish() as end:
                        self.end = end
            yield
        end = self.end
        problem = job_problem(end.code or "records_failed", end.cause) if end.status == "failed" else None
        if end.code is not None:
            async with world.begin() as conn:
                await answers.abandon(conn, cipher, held, end.code)
            yield
        async with world.begin() as conn:
            rings = await lane.finish_job(conn, held.job_id, held.number, end.status, problem)
        if rings is None:
            raise LeaseLost
        world.bell += rings

    async def _begin(
        self, calls: dict[UUID, Die], kind: Callable[[Claim, UUID], Die], batch_id: UUID, held: Claim
    ) -> None:
        calls[batch_id] = kind(held, batch_id)
        await anext(calls[batch_id])  # it stands at the door

    async def _call_on(self, calls: dict[UUID, Die], die: int) -> None:
        batch_id = list(calls)[die % len(calls)]
        try:
            await calls[batch_id].asend(die // len(calls))
        except StopAsyncIteration:
            del calls[batch_id]

    async def _write(self, held: Claim) -> None:
        over = held.run_id in self._world.cancelled
        async with self._world.begin() as conn:
            out = await batches.write_batch(conn, self._world.cipher, held, HORIZON)
        assert out is None or not over, "a batch was written after the cancel of its run had been answered"

    async def _look_up(self, held: Claim) -> None:
        async with self._world.begin() as conn:
            asked = await holdings.unasked(conn, held)
            await holdings.note_holdings(conn, held, asked, {each for each in asked if each.int % 2})
            await claims.note_contact(conn, held)

    async def _send(self, held: Claim, batch_id: UUID) -> Die:
        world, cipher = self._world, self._world.cipher
        die = yield
        over = held.run_id in world.cancelled
        async with world.begin() as conn:
            out = await batches.call_batch(conn, cipher, held, batch_id)
            assert out is None or world.numbers[held.job_id] == held.number, "two workers write for one job"
        if out is None:
            return
        assert not over, "a batch left after the cancel of its run had been answered"
        die = yield
        outcome = _SENT[die % len(_SENT)]
        over = held.run_id in world.cancelled
        if outcome == "late" or (over and die % 2):
            async with world.begin() as conn:
                outcome = "taken" if await batches.may_leave(conn, held) else "never left"
            assert outcome == "never left" or not over, "a late call left after the cancel of its run"
        if outcome != "never left":
            await world.arrive(held, out)
            yield
        if outcome in {"unanswered", "503"}:
            await self._meet(held, outcome)
            yield
        async with world.begin() as conn:
            match outcome:
                case "taken":
                    await answers.accept_batch(conn, held, batch_id, 202, str(batch_id), _NOW)
                    await claims.note_contact(conn, held)
                case "503":
                    await answers.put_off_batch(conn, cipher, held, batch_id, 503, b"[]", _SOON)
                case "413" | "blames one":
                    blame = [{"resourceId": json.loads(out.body)["data"][0]["id"]}] if outcome != "413" else []
                    answer = json.dumps(blame).encode()
                    await answers.refuse_batch(conn, cipher, held, batch_id, 400, answer, blamed(answer))
                    await claims.note_contact(conn, held)
                case "never left":
                    await batches.take_back(conn, held, batch_id)
                case _:
                    await answers.lose_batch(conn, cipher, held, batch_id, "timeout", _SOON)

    async def _ask(self, held: Claim, batch_id: UUID) -> Die:
        world, cipher = self._world, self._world.cipher
        die = yield
        async with world.engine.connect() as conn:
            batch = await answers.accepted_batch(conn, held, batch_id)
        if batch is None:
            return
        status = _ANSWERED[die % len(_ANSWERED)]
        die = yield
        if status in {"away", "unknown"}:
            await self._meet(held, status)
            yield
            async with world.begin() as conn:
                if status == "unknown":
                    await answers.lose_batch(conn, cipher, held, batch_id, "job_unknown", _SOON)
                elif batch.age >= HORIZON:
                    await answers.lose_batch(conn, cipher, held, batch_id, "no_answer", None)
                else:
                    await answers.postpone_batch(conn, held, batch_id, _SOON)
            return
        answer = world.skolverket.answer(held, batch, status)
        read = read_answer(answer, batch, held, cipher, Random(die))
        async with world.begin() as conn:
            waiting = await answers.answer_batch(conn, cipher, held, batch_id, answer, read.changes, _NOW)
            if waiting and (batch.age >= HORIZON or not read.unfinished):
                await answers.lose_batch(conn, cipher, held, batch_id, "answer_incomplete", _SOON)
            await claims.note_contact(conn, held)

    async def _meet(self, held: Claim, code: str) -> None:
        async with self._world.begin() as conn:
            await claims.note_fault(conn, held, job_problem(code))
        self._faults.append(Fault(code))
