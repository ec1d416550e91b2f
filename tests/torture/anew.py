"""A `serve` and a `worker` that begin with empty memory when all is over, and what of persons is in it afterwards.

Of those who were erased nothing is left that a process could open: nothing of them can come to stand there. Contents of
others are opened to be masked, and may stand there for a while.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.db.acting import EVERYBODY
from app.db.engine import close, connect
from app.domain.retention import Retention
from app.jobs.tasks import inside
from app.local.server import free_port
from app.skolverket.published import PUBLISHED
from tests.torture.callers import Callers, Organisation
from tests.torture.memory import Unreadable, markers_of, markers_of_process
from tests.torture.stack import TortureStack
from tests.torture.witnesses import Seen

# So many who were erased are asked for, and lists of so many jobs of others; of each job so many calls.
_ERASED, _JOBS, _CALLS = 20, 8, 3
_AT_ONCE, _TRIES = 8, 20
_DONE_WITHIN = 30.0


class Anew:
    """Both processes, what they are asked for and what is looked for in them. `figures` says what was found."""

    def __init__(
        self, stack: TortureStack, callers: Callers, organisations: Sequence[Organisation], seen: Seen
    ) -> None:
        self._stack, self._callers, self._seen = stack, callers, seen
        self._owners = {who.number: who for who in organisations}
        asked, done = {each.person for each in seen.erasures}, {each.person for each in seen.erasures if each.done}
        marked = {UUID(each.id): markers_of(each.values - callers.repeated) for each in callers.marked.values()}
        self._erased = sorted(marked.keys() & done)
        self._of_erased = set[bytes]().union(*(marked[person] for person in self._erased))
        self._of_others = set[bytes]().union(*(marked[person] for person in marked.keys() - asked))
        self.figures: dict[str, object] = {}

    async def testify(self) -> None:
        """Has both do what needs no content, and the API then show all; looks through their memory after each."""
        await self._stack.end_all("api", "worker")
        port = free_port()
        api = await self._stack.start_anew("api-anew", "serve", "--port", str(port))
        address = f"http://127.0.0.1:{port}"
        for look in (f"{address}/healthz", f"{address}/readyz", f"http://127.0.0.1:{api.metrics_port}/metrics"):
            (await self._callers.http.get(look)).raise_for_status()
        paths = [*self._of_the_erased(), *self._of_all_others()]
        masked = {
            number: Organisation(number, await self._stack.key(number, ("history",)), who.maker)
            for number, who in self._owners.items()
        }
        await self._read(address, masked, paths)
        await self._look_through("serve, after masked reads", api.pid)
        await self._read(address, self._owners, paths)
        worker, _ = await asyncio.gather(
            self._work(), self._look_through("serve, after reads that show all", api.pid, holds_others=True)
        )
        await self._look_through("worker", worker)

    async def _look_through(self, what: str, pid: int, *, holds_others: bool = False) -> None:
        name = f"memory of a fresh {what}"
        try:
            found = await asyncio.to_thread(markers_of_process, pid)
        except Unreadable as fault:
            self.figures[name] = f"not looked through: it may not be read here ({fault})"
            return
        of_erased, of_others = len(found & self._of_erased), len(found & self._of_others)
        self.figures[name] = (
            f"of {len(self._of_erased)} values of {len(self._erased)} who were erased {of_erased},"
            f" of {len(self._of_others)} of others {of_others}"
        )
        if of_erased:
            self._seen.leaks = [*self._seen.leaks, (f"the {name}, of persons who were erased", of_erased)]
        if holds_others and not of_others:
            self._seen.blind = [*self._seen.blind, f"the {name} has nobody of those whom it was to show"]

    def _of_the_erased(self) -> list[tuple[str, str]]:
        """Gives, with whose they are, all paths by which something of them could be read."""
        asked = list[tuple[str, str]]()
        for person in self._erased[:_ERASED]:
            owner = self._callers.marked[str(person)].organisation
            asked.append((owner, f"/objects/persons/{person}"))
            for job, records in self._seen.records.items():
                if any(record.object == person for record in records):
                    asked += [(owner, f"/jobs/{job}/records/{person}"), (owner, f"/jobs/{job}/records?limit=200")]
                    carried = [batch for batch in self._seen.batches_of.get(job, ()) if person in batch.records]
                    asked += [(owner, f"/jobs/{job}/batches/{batch.id}") for batch in carried]
        return list(dict.fromkeys(asked))

    def _of_all_others(self) -> list[tuple[str, str]]:
        asked = list[tuple[str, str]]()
        jobs = sorted(self._seen.jobs.values(), key=lambda job: (job.position != 1, -job.counts["succeeded"]))
        for job in jobs[:_JOBS]:
            owner = self._seen.runs[job.run].organisation
            asked += [(owner, "/runs"), (owner, f"/runs/{job.run}"), (owner, f"/jobs/{job.id}/records?limit=200")]
            calls = self._seen.batches_of.get(job.id, ())[:_CALLS]
            asked += [(owner, f"/jobs/{job.id}/batches/{batch.id}") for batch in calls]
        return list(dict.fromkeys(asked))

    async def _read(self, api: str, by: Mapping[str, Organisation], paths: Iterable[tuple[str, str]]) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def read(owner: str, path: str) -> None:
            async with places:
                for _ in range(_TRIES):
                    answer = await self._callers.ask(by[owner], "GET", path, api=api)
                    # Of some who were erased nothing is left at all.
                    if answer is not None and answer.status_code in (200, 404):
                        return
                    await asyncio.sleep(0.2)
            self._callers.odd.append(f"{answer.status_code if answer else 'no answer'} for GET {path}, of a fresh API")

        await asyncio.gather(*(read(owner, path) for owner, path in paths))

    async def _work(self) -> int:
        """Starts a worker with all of its periodic tasks due; gives its id when it has done each."""
        engine = connect(self._stack.postgres.url, pool=1, name="torture", acting=EVERYBODY)
        never = Retention(timedelta(days=365), timedelta(days=365))
        kinds = inside(engine, self._stack.cipher, PUBLISHED, never).values()
        given = {"kinds": [kind.name for kind in kinds if kind.every is not None]}
        due = (
            "UPDATE task SET due_at = clock_timestamp(), leased_until = NULL, done_at = NULL WHERE kind = ANY (:kinds)"
        )
        left = "SELECT count(*) FROM task WHERE kind = ANY (:kinds) AND done_at IS NULL"
        try:
            async with engine.begin() as conn:
                await conn.execute(sa.text(due), given)
            worker = await self._stack.start_anew("worker-anew", "worker")
            until, waiting = time.monotonic() + _DONE_WITHIN, -1
            while waiting and time.monotonic() < until:
                async with engine.begin() as conn:
                    waiting = int(await conn.scalar(sa.text(left), given) or 0)
                await asyncio.sleep(0.2)
            if waiting:
                self._callers.odd.append(f"a fresh worker has not done {waiting} of {len(given['kinds'])} tasks")
            return worker.pid
        finally:
            await close(engine)
