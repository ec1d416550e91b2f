"""What may happen in the model's world, and what must hold whatever happens."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from app.db import activity_queue, egress, pauses, runs
from app.domain.kinds import Kind
from app.errors import Conflict
from tests.database.factories import Object, Tenant
from tests.database.invariants import BROKEN, FINAL, changed
from tests.database.late_writes import LATE_WRITES
from tests.database.model import Cut, World
from tests.database.model_driver import Worker
from tests.database.virtual_time import FORWARD, REWIND

WORKERS: Final = 3
FORWARDS: Final = [timedelta(seconds=3), timedelta(seconds=31), timedelta(minutes=6), timedelta(hours=7)]
_MOST_RUNS: Final = 6

_LIVE_JOB = "SELECT id FROM job WHERE activity_id = :activity AND status IN ('queued', 'running')"
_LEFT_CLOSED = """
    SELECT count(*) FROM record JOIN job ON job.id = record.job_id
    WHERE job.run_id = :run AND job.status <> 'succeeded' AND record.status IN ('error', 'skipped')
"""

Roster = Mapping[str, Sequence[Object]]


class Events:
    """One course of events, from an empty database on."""

    def __init__(self, tenant: Tenant, activities: Sequence[UUID], rosters: Sequence[Roster]) -> None:
        self.tenant, self.activities, self.rosters = tenant, activities, rosters
        self._uploads = 0
        self.world = World(tenant.engine, tenant.cipher)
        self.workers = [Worker(self.world, number) for number in range(WORKERS)]
        self.runs: list[UUID] = []
        self._final: list[Any] = []

    async def rewind(self) -> None:
        """Empties the database of whatever runs it has seen; the second roster is the latest upload of all in it."""
        for activity, roster in ((0, self.rosters[0]), (1, {}), (1, self.rosters[1])):
            await self.tenant.store(roster, self.activities[activity])
        async with self.tenant.engine.begin() as conn:
            for statement in filter(str.strip, REWIND.split(";")):
                await conn.execute(sa.text(statement))

    async def upload(self, activity: int) -> None:
        """Uploads a roster anew, with another name of the person that is in both, who is protected in every other."""
        self._uploads += 1
        [shared] = {each["id"] for each in self.rosters[0]["persons"]} & {
            each["id"] for each in self.rosters[1]["persons"]
        }
        marking = ("Ingen", "Sekretessmarkering")[self._uploads % 2]
        changed = {"givenName": f"Åsa {self._uploads}", "securityMarking": marking}
        persons = [{**each, **changed} if each["id"] == shared else each for each in self.rosters[activity]["persons"]]
        await self.tenant.store({**self.rosters[activity], "persons": persons}, self.activities[activity])

    async def accept(self, activity: int, policy: str) -> None:
        """Provisions an activity, unless there is enough to play out."""
        if len(self.runs) == _MOST_RUNS:
            return
        with suppress(Conflict):
            async with self.world.begin() as conn:
                accepted = await runs.accept_run(
                    conn,
                    organisation_id=self.tenant.organisation_id,
                    activity_id=self.activities[activity % 2],
                    on_record_error=policy,
                    key_id=self.tenant.key_id,
                    key_name="testnyckel",
                    most_waiting=1000,
                )
            self.runs.append(accepted.run_id)
            self.world.bell += accepted.wake_ups

    def run(self, number: int) -> UUID | None:
        """Gives one of the runs, the latest first."""
        return self.runs[-1 - number % len(self.runs)] if self.runs else None

    async def cancel(self, number: int, worker: int = 0) -> None:
        """Cancels what a worker has in hand, or any run."""
        held = self.workers[worker].held
        await self._cancel_run(self.run(number) if held is None else held.run_id)

    async def _cancel_run(self, run_id: UUID | None) -> None:
        if run_id is not None:
            with suppress(Conflict):
                async with self.world.begin() as conn:
                    self.world.bell += await runs.cancel_run(conn, self.tenant.organisation_id, run_id)
                self.world.cancelled.add(run_id)

    async def retry(self, run_id: UUID | None, policy: str | None) -> None:
        """Has a run go on, if it may."""
        if run_id is not None:
            with suppress(Conflict):
                async with self.world.begin() as conn:
                    self.world.bell += await runs.retry_run(conn, self.tenant.organisation_id, run_id, policy)
                    self.world.cancelled.discard(run_id)
                    assert not await conn.scalar(sa.text(_LEFT_CLOSED), {"run": run_id}), "a retry leaves records out"

    async def pause(self, activity: int) -> None:
        """Pauses an activity; it may be paused already."""
        queue = self.activities[activity % 2]
        async with self.world.begin() as conn:
            self.world.bell += await pauses.pause(conn, self._place(queue), cipher=None, who="test", reason="Prov")
        self.world.paused.add(queue)

    async def resume(self, activity: int) -> None:
        """Lets an activity go on; it may not be paused."""
        queue = self.activities[activity % 2]
        self.world.paused.discard(queue)
        async with self.world.begin() as conn:
            self.world.bell += await pauses.resume(conn, self._place(queue), by="operator", who="test")

    def _place(self, activity: UUID) -> pauses.Place:
        return pauses.Place(self.tenant.organisation_id, activity)

    async def hear(self, worker: int, number: int) -> None:
        """Rings a worker, once more perhaps."""
        if self.world.bell and self.workers[worker].idle:
            wake_up = self.world.bell[-1 - number % len(self.world.bell)]
            await self.workers[worker].claim(wake_up.job_id)

    async def work(self, number: int, dice: Sequence[int]) -> None:
        """Lets a worker go on, or first take what is due, if need be a little later."""
        worker = self.workers[number]
        with suppress(Cut):
            if worker.idle and not await worker.claim(None):
                await self.forward(FORWARDS[0])
                await worker.claim(None)
        for die in dice:
            await worker.go_on(die)

    async def forward(self, by: timedelta) -> None:
        """Lets time pass."""
        async with self.tenant.engine.begin() as conn:
            await conn.execute(sa.text(FORWARD), {"by": by})

    async def sweep(self) -> None:
        """Looks for free activity queues, and for jobs that count as somebody's who does not know of them."""
        async with self.world.begin() as conn:
            assert not await activity_queue.start_free_queues(conn), "an activity queue was free while a run waited"
        for worker in self.workers:
            if worker.epoch is not None:
                in_progress = {} if worker.held is None else {worker.held.job_id: worker.held.number}
                async with self.world.begin() as conn:
                    await egress.free_forgotten(conn, worker.epoch, in_progress)

    async def come_back(self, worker: int, dice: Sequence[int], die: int) -> None:
        """Lets another worker take the job over, and the first one try what it had in mind."""
        if self.workers[worker].idle:
            await self.work(worker, dice)
        held, world = self.workers[worker].held, self.world
        if held is None:
            return
        if not await world.stale(held):
            await self.workers[worker].taken_over()
            other = self.workers[(worker + 1) % WORKERS]
            await other.die()
            # After two deaths a job waits, and one that may be what kills has a process to itself.
            await self.forward(FORWARDS[-2])
            await self.forward(FORWARDS[-2] * 3)
            trial = await world.value("SELECT EXISTS (SELECT FROM job WHERE sole_deaths >= 2 AND finished_at IS NULL)")
            assert await other.claim(held.job_id) or trial, "a job that was taken over was not to be had"
        if await world.value("SELECT claim = :claim FROM job WHERE id = :job", claim=held.number, job=held.job_id):
            # It is free, and nobody has claimed it since: below the functions its number still counts.
            return
            for each in dice[: die % 8]:
                await other.go_on(each)
        found = await world.rows("SELECT id, status FROM batch WHERE job_id = :job ORDER BY number", job=held.job_id)
        out = [row.id for row in found if row.status in {"written", "called", "accepted"}] or [row.id for row in found]
        batch_id = out[die % len(out)] if out else UUID(int=0)
        before = await world.digest()
        for name, (write, refused) in LATE_WRITES.items():
            with refused(name):
                async with world.begin() as conn:
                    await write(conn, world.cipher, held, batch_id)
        assert await world.digest() == before, "an old claim has written"
        await self.workers[worker].go_on(die)

    def act(self, name: str, worker: int, number: int, die: int) -> Callable[[], Awaitable[None]]:
        """Gives what is called by a name."""
        worker %= WORKERS
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "work": lambda: self.work(worker, [die]),
            "accept": lambda: self.accept(number, "halt"),
            "cancel": lambda: self.cancel(number, (worker - number) % WORKERS),
            "retry": lambda: self.retry(self.run(number), None),
            "sweep": self.sweep,
            "pause": lambda: self.pause(number),
            "resume": lambda: self.resume(number),
        }
        return acts[name]

    async def overlap(self, first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]) -> None:
        """Lets the second begin while the first has written and not committed."""
        self.world.meanwhile = second
        await first()
        if self.world.meanwhile is not None:
            self.world.meanwhile = None
            await second()

    async def try_again(self, number: int, dice: Sequence[int], activity: UUID, policy: str | None) -> None:
        """Has an activity's runs worked on and cancelled, and the latest go on when all have ended."""
        await self.work(number, dice)
        worker, world = self.workers[number], self.world
        queue_runs = await world.rows(
            "SELECT id FROM run WHERE activity_id = :activity ORDER BY sequence DESC", activity=activity
        )
        for run in queue_runs:
            await self._cancel_run(run.id)
        for _ in range(60):
            if (live := await world.value(_LIVE_JOB, activity=activity)) is None:
                break
            await self.forward(FORWARDS[2])
            await worker.claim(live)
            await worker.finish_step()
        if queue_runs:
            await self.retry(queue_runs[0].id, policy)
            await self.work(number, dice)

    async def meet_at_the_end(self, number: int, activity: int, before: bool) -> None:
        """Plays the run of an activity until its end is decided, and has a new one accepted around that."""
        worker = self.workers[number]
        for _ in range(4):
            live = await self.world.value(_LIVE_JOB, activity=self.activities[activity % 2])
            if live is None:
                return
            await self.forward(FORWARDS[2])
            await worker.claim(live)
            while not worker.idle and worker.end is None:
                await worker.go_on(0)
            if worker.held is None or worker.end is None:
                return
            if worker.end.status != "succeeded" or worker.held.kind.position == len(Kind):
                break
            await worker.go_on(0)

        async def comes() -> None:
            await self.accept(activity, "halt")

        async def ends() -> None:
            await worker.go_on(0)

        await (self.overlap(comes, ends) if before else self.overlap(ends, comes))

    async def look(self) -> None:
        """Sees whether every promise holds."""
        async with self.tenant.engine.connect() as conn:
            broken = sorted({row.promise for row in await conn.execute(sa.text(BROKEN))})
            final = list((await conn.execute(sa.text(FINAL))).all())
        assert not broken, broken
        assert not changed(self._final, final), "something that was final has changed"
        self._final = final

    async def play_out(self) -> None:
        """Lets honest workers play everything to its end, and looks at what came of it."""
        world = self.world
        for worker in self.workers:  # those that were stopped wake up, too
            await worker.finish_step()
            await worker.taken_over()
        for activity in range(len(self.activities)):
            await self.resume(activity)
        for _ in range(40 + 30 * len(self.runs)):
            await self.sweep()
            while await self.workers[0].claim(None):
                await self.workers[0].finish_step()
            if not await world.value("SELECT EXISTS (SELECT FROM run WHERE status IN ('queued', 'running'))"):
                break
            await self.forward(timedelta(minutes=2))
        await self.look()
        left = await world.rows("SELECT id, status FROM run WHERE status IN ('queued', 'running', 'held')")
        assert not left, "a run does not come to its end"
        results = await world.rows(
            "SELECT job_id, object_id, status FROM record WHERE status IN ('succeeded', 'warning')"
        )
        for row in results:
            said = world.skolverket.said.get((row.job_id, row.object_id), set())
            so = {"Success", "Warning", "found"} if row.status == "warning" else {"Success"}
            assert said & so, "nobody has said so"

    async def end(self) -> None:
        """Ends the workers."""
        for worker in self.workers:
            await worker.die()
