"""What has been asked to be erased goes: a person out of current rosters and all that is kept, or an organisation.

Each erasure has its line in the file of erasures before it is committed. Whatever is interrupted is begun anew: what
has gone already is not there any more.
"""

import asyncio
import time
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import erasures_file
from app.db import audit, erasures
from app.db.cipher import Cipher, OrganisationCipher
from app.db.engine import transaction
from app.db.erasures import ERASE, Erasing
from app.db.free_text import name_place
from app.db.intake import store_roster
from app.db.loop_share import LoopShare
from app.db.roster_without import RosterChanged, RosterWithout
from app.db.tasks import Task
from app.domain.erasing import ORGANISATION, Erased
from app.errors import PreconditionFailed, RunHasIt
from app.jobs.tasks.kind import Failed, Later, Store, TaskKind
from app.logs import describe_exception
from app.target import Published

log = structlog.get_logger(__name__)

# What the task fails with, where nothing is wrong with the service itself.
NO_FILE, NOT_WRITTEN, RUN_HAS_IT = "no_erasures_file", "erasures_file_not_written", "run_has_it"

_LONGEST = timedelta(minutes=15)
# Rosters may be uploaded meanwhile that have the person again.
_TRIES = 5
_SOON = timedelta(seconds=5)
_NO_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class Erase:
    """Erases what is asked for, and writes it into `file`, without which nothing is erased."""

    engine: AsyncEngine
    cipher: Cipher
    published: Published
    file: str
    # After so long somebody else may have the task (s); and rows of a transaction, of some tenths of a second.
    at_a_time: float = 20.0
    together: int = 2000
    share: LoopShare = field(default_factory=LoopShare)

    def kind(self) -> TaskKind:
        """Makes the kind of task; its key is `organisation kind id`."""
        return TaskKind(ERASE, _LONGEST, None, self.do)

    async def do(self, task: Task) -> Store:
        """Erases one; raises Failed where a run has it or the file cannot be written, Later where it goes on."""
        of, kind, object_id = task.key.split()
        async with transaction(self.engine, "load_erasure", of=UUID(of)) as conn:
            erasing = await erasures.load(conn, UUID(of), kind, UUID(object_id))
        if erasing is not None:
            await self.erase(erasing)
        return _nothing_more

    async def erase(self, erasing: Erasing) -> None:
        """Erases what `erasing` says; raises as `do` does."""
        if not self.file and erasing.logged_at is None:
            raise Failed(NO_FILE)
        try:
            if erasing.kind == ORGANISATION:
                await self._organisation(erasing)
            else:
                await self._person(erasing)
        except RunHasIt:
            raise Failed(RUN_HAS_IT) from None
        log.info("erased", organisation_id=str(erasing.organisation_id), kind=erasing.kind)

    async def _person(self, erasing: Erasing) -> None:
        cipher = self.cipher.of(erasing.organisation_id, erasing.own_keys)
        duties: Sequence[UUID] = ()
        # Of whom each roster has nothing, over all tries: however many are uploaded meanwhile, these stay closed.
        free_of: dict[UUID, Set[UUID]] = {}
        for _ in range(_TRIES):
            async with transaction(self.engine, "read_erasure", of=erasing.organisation_id) as conn:
                duties = await erasures.duties_of(conn, erasing.organisation_id, erasing.object_id, duties)
                gone = frozenset((erasing.object_id, *duties))
                await erasures.check_person_at_rest(conn, erasing.organisation_id, gone)
                rosters = await erasures.list_rosters(conn, erasing.organisation_id, gone)
            for each in rosters:
                if not gone <= free_of.get(each["roster_id"], frozenset()):
                    with suppress(PreconditionFailed, RosterChanged):
                        free_of[await self._freed(cipher, each, gone)] = gone
            try:
                async with transaction(self.engine, "erase_person", of=erasing.organisation_id) as conn:
                    at = await erasures.hold(conn, erasing.organisation_id)
                    current = await erasures.current_rosters(conn, erasing.organisation_id)
                    if not all(gone <= free_of.get(each, frozenset()) for each in current):
                        continue
                    await erasures.erase_person(conn, erasing.organisation_id, erasing.object_id, duties)
                    await self._note(conn, cipher, erasing, at)
            except IntegrityError as refusal:
                if not erasures.is_wanted(refusal):
                    raise
                continue
            return
        raise Later(_SOON)

    async def _freed(self, cipher: OrganisationCipher, roster: erasures.Row, gone: frozenset[UUID]) -> UUID:
        """Gives the id of the roster that has nothing of those `gone`: this one, or the one stored in its place.

        Raises PreconditionFailed or RosterChanged where another may be there by now.
        """
        left = self._without(cipher, roster, gone)
        if roster["has_one"] or await left.names_one(self.share):
            return await self._store(cipher, roster, left)
        roster_id: UUID = roster["roster_id"]
        return roster_id

    def _without(self, cipher: OrganisationCipher, roster: erasures.Row, gone: frozenset[UUID]) -> RosterWithout:
        name = cipher.open(bytes(roster["display_name_sealed"]), name_place(roster["id"])).decode()
        return RosterWithout(self.engine, cipher, roster["roster_id"], name, gone)

    async def _store(self, cipher: OrganisationCipher, roster: erasures.Row, left: RosterWithout) -> UUID:
        stored = await store_roster(
            self.engine,
            cipher,
            self.published,
            roster["id"],
            left,
            stored_by=roster["stored_by_id"],
            made_by=None,
            if_match=lambda version: version == roster["version"],
            share=self.share,
            most_bytes=_NO_LIMIT,
        )
        roster_id: UUID = stored.activity["roster_id"]
        return roster_id

    async def _organisation(self, erasing: Erasing) -> None:
        until = time.monotonic() + self.at_a_time
        if not erasing.is_erased:
            async with transaction(self.engine, "erase_organisation", of=erasing.organisation_id) as conn:
                at = await erasures.hold(conn, erasing.organisation_id)
                await erasures.check_organisation_at_rest(conn, erasing.organisation_id)
                await erasures.erase_organisation(conn, erasing.organisation_id, erasing.logged_at or at)
                await self._note(conn, None, erasing, at)
        while True:
            async with transaction(self.engine, "clear_organisation", of=erasing.organisation_id) as conn:
                if not await erasures.clear_organisation(conn, erasing.organisation_id, self.together):
                    return
            if time.monotonic() > until:
                raise Later(timedelta())

    async def _note(
        self, conn: AsyncConnection, cipher: OrganisationCipher | None, erasing: Erasing, at: datetime
    ) -> None:
        """Writes the line before the commit: what counts as erased stands in the file, whatever happens next."""
        if erasing.logged_at is None:
            digest = None if cipher is None else erasures.id_digest(cipher, erasing.kind, erasing.object_id)
            line = Erased(erasing.number, erasing.kind, digest, at)
            try:
                await asyncio.to_thread(erasures_file.append, self.file, line)
            except OSError as problem:
                log.error("the file of erasures is not written", **describe_exception(problem))
                raise Failed(NOT_WRITTEN) from None
        known_by = None
        if cipher is not None and erasing.kind != ORGANISATION:
            known_by = audit.digest_of(cipher, erasing.object_id)
        await erasures.note(conn, erasing, at, known_by)


async def _nothing_more(_: AsyncConnection) -> None:
    pass
