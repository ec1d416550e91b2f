"""Runs and callers, as they are now: from memory while that is right, else from Postgres in one statement."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.api.http.answers import Polled
from app.api.polling.followers import Followers
from app.api.polling.key_uses import KeyUses
from app.api.polling.memory import KeptRun, Memory
from app.api.polling.shared_reads import SharedReads
from app.db import reads, tenants
from app.db.acting import EVERYBODY, on_behalf_of
from app.db.cipher import OrganisationCipher
from app.db.watcher import Watcher, now
from app.domain.changes import Versions
from app.security import keys
from app.security.keys import Caller, Operator
from app.views.job import is_job_finished, show_job
from app.views.run import is_run_finished, show_run
from app.views.sealed import open_run

_Find = Callable[[AsyncConnection, UUID, UUID], Awaitable[reads.RunWithJobs | None]]
_Read = TypeVar("_Read")


class RunReader:
    """Reads over `engine`; its watcher, of a session at `address`, is to be run by whoever wants the memory used."""

    def __init__(self, engine: AsyncEngine, address: str, *, name: str = "provkedja watcher") -> None:
        self._engine = reads.single_statements(engine)
        self.followers = Followers()
        self._memory = Memory()
        self.watcher = Watcher(
            address, name=name, watched=self._watched, answered=self._answered, lapsed=self.followers.wake_all
        )
        self.key_uses = KeyUses(engine)
        self._reads = SharedReads()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Has the watcher at work meanwhile: without it, what is known is of no use after a second.

        And has the uses of keys written, the last ones at the end.
        """
        tasks = [asyncio.create_task(each.run()) for each in (self.watcher, self.key_uses)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self.key_uses.write()

    def remembered_run(self, run_id: UUID) -> KeptRun | None:
        """Gives a run of whatever organisation, if it is known without asking anybody."""
        return self._memory.run(run_id, now())

    def remembered_run_of_job(self, job_id: UUID) -> KeptRun | None:
        """Gives a job's run of whatever organisation, if it is known without asking anybody."""
        return self._memory.run_of_job(job_id, now())

    def remembered_caller(self, handle: str, digest: bytes) -> Caller | Operator | None:
        """Gives who calls, if that is known without asking anybody."""
        return self._used(self._memory.caller(handle, digest, now()))

    def remembered_caller_known_as(self, handle: str) -> Caller | Operator | None:
        """Gives whom a handle belongs to that somebody has proven to be theirs, if that is known without asking."""
        return self._used(self._memory.caller_known_as(handle, now()))

    async def run(self, cipher: OrganisationCipher, run_id: UUID) -> KeptRun | None:
        """Gives a run of the cipher's organisation."""
        kept = self.remembered_run(run_id)
        if kept is not None and kept.organisation_id == cipher.organisation_id:
            return kept
        read = partial(self._read_run, cipher, reads.find_run_with_jobs, run_id)
        return await self._shared(read, "run", cipher.organisation_id, run_id)

    async def run_of_job(self, cipher: OrganisationCipher, job_id: UUID) -> KeptRun | None:
        """Gives the run of the cipher's organisation that has a job."""
        kept = self.remembered_run_of_job(job_id)
        if kept is not None and kept.organisation_id == cipher.organisation_id:
            return kept
        read = partial(self._read_run, cipher, reads.find_run_of_job, job_id)
        return await self._shared(read, "run of job", cipher.organisation_id, job_id)

    async def caller(self, handle: str, digest: bytes) -> Caller | Operator | None:
        """Gives who calls with the key of a `handle` whose secret has a `digest`, None without one that counts."""
        if known := self.remembered_caller(handle, digest):
            return known
        if self._memory.caller_known_as(handle, now()) is not None:
            # Of another secret: a key keeps its own for as long as it is there.
            return None
        found = await self._shared(partial(self._read_caller, handle), "caller", handle)
        return self._used(found) if found is not None and keys.matches(digest, found.digest) else None

    async def handles(self) -> frozenset[str]:
        """Gives the handles of all keys that count."""
        async with self._engine.connect() as conn:
            on_behalf_of(conn, EVERYBODY)
            return await tenants.key_handles(conn)

    async def caller_known_as(self, handle: str) -> Caller | Operator | None:
        """Gives whom a handle belongs to that somebody has proven before to be theirs; None if it counts no more."""
        known = self._memory.caller_known_as(handle, now())
        return self._used(known or await self._shared(partial(self._read_caller, handle), "caller", handle))

    async def caller_anew(self, handle: str) -> Caller | Operator | None:
        """Gives whom a handle belongs to, as it has just been written here."""
        return self._used(await self._read_caller(handle))

    def changed_here(self, changed: UUID) -> None:
        """Forgets the runs of an activity or organisation that was `changed`: this process is to see it at once."""
        self._memory.forget_runs_of(changed, now())

    def _used(self, caller: Caller | Operator | None) -> Caller | Operator | None:
        if caller is not None:
            self.key_uses.note(caller.key_id)
        return caller

    async def _shared(self, read: Callable[[], Awaitable[_Read]], *what: Hashable) -> _Read:
        """Reads, or waits with those who read the same and began after the last change that is known of."""
        if not self.watcher.fresh:
            return await read()
        return await self._reads.read((*what, self._memory.changes), read)

    async def _read_caller(self, handle: str) -> Caller | Operator | None:
        right_at = now()
        async with self._engine.connect() as conn:
            on_behalf_of(conn, EVERYBODY)
            found = await tenants.find_key(conn, handle)
        if found is None:
            return None
        caller = _caller(found)
        self._memory.keep_caller(caller, right_at)
        return caller

    async def _read_run(self, cipher: OrganisationCipher, find: _Find, id_: UUID) -> KeptRun | None:
        right_at = now()
        async with self._engine.connect() as conn:
            on_behalf_of(conn, cipher.organisation_id)
            found = await find(conn, cipher.organisation_id, id_)
        if found is None:
            return None
        run, jobs = open_run(found[0], cipher), found[1]
        shown = show_run(run, jobs)
        kept = KeptRun(
            run["id"],
            shown["version"],
            run["activity_id"],
            run["organisation_id"],
            run["requested_by_id"],
            answer=Polled.of(shown, finished=is_run_finished(run)),
            jobs={row["id"]: Polled.of(show_job(row, run), finished=is_job_finished(row)) for row in jobs},
        )
        self._memory.keep_run(kept, right_at)
        return kept

    def _watched(self) -> Versions:
        return self._memory.watched(now(), self.followers.watched())

    def _answered(self, asked: Versions, changed: Versions, asked_at: float) -> None:
        self._memory.renew(asked, changed, asked_at)
        self.followers.wake(changed)


def _caller(found: tenants.Row) -> Caller | Operator:
    id_, name, of = found["id"], found["name"], found["organisation_id"]
    # None of a subject: no secret has the empty one.
    handle, digest, version = found["handle"], found["digest"] or b"", found["version"]
    if of is None:
        return Operator(id_, name, handle, digest, version)
    units = found["school_units"]
    return Caller(
        *(id_, name, of, frozenset(found["scopes"]), found["own_keys"]),
        handle=handle,
        digest=digest,
        version=version,
        school_units=None if units is None else frozenset(units),
    )
