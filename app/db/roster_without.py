"""A current roster as the source of its next version, without what is erased."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence, Set
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import rosters
from app.db.cipher import OrganisationCipher
from app.db.content import sealed_contents
from app.db.engine import transaction
from app.db.loop_share import LoopShare
from app.db.reads import Row
from app.domain.erasing import Item, left_of
from app.domain.kinds import Kind
from app.domain.roster import RosterObject

_OBJECTS_A_READ = 500


class RosterChanged(Exception):
    """The roster has been replaced while it was read, or something of it has gone."""


class RosterWithout:
    """What a roster has beside the persons and duties `gone`; as it was stored, under the same name."""

    def __init__(
        self,
        engine: AsyncEngine,
        cipher: OrganisationCipher,
        roster_id: UUID,
        display_name: str,
        gone: Set[UUID],
    ) -> None:
        self.display_name: str | None = display_name
        self._counts = {kind.value: 0 for kind in Kind}
        self._engine, self._cipher, self._roster_id, self._gone = engine, cipher, roster_id, gone

    @property
    def counts(self) -> Mapping[str, int]:
        """Gives how many objects of each kind have been given."""
        return self._counts

    async def parts(self) -> AsyncGenerator[Iterator[RosterObject]]:
        """Gives the objects that stay, slice by slice; raises RosterChanged where one does not open any more."""
        for kind in Kind:
            async for rows in self._slices(kind):
                yield self._staying(kind.value, rows)
                await asyncio.sleep(0)

    async def names_one(self, share: LoopShare) -> bool:
        """Tells whether one that is gone is named in a spelling that is no reference; raises RosterChanged."""
        organisation_id = self._cipher.organisation_id
        async with transaction(self._engine, "list_unclear", of=organisation_id) as conn:
            unclear = await rosters.list_unclear(conn, organisation_id, self._roster_id)
        for start in range(0, len(unclear), _OBJECTS_A_READ):
            rows = unclear[start : start + _OBJECTS_A_READ]
            async with transaction(self._engine, "read_unclear", of=organisation_id) as conn:
                sealed = await sealed_contents(conn, self._cipher, [bytes(row["source"]) for row in rows])
            if any(bytes(row["source"]) not in sealed for row in rows):
                raise RosterChanged
            async with share:
                for row in rows:
                    digest = bytes(row["source"])
                    item: Item = json.loads(self._cipher.open(sealed[digest], digest))
                    if left_of(row["kind"], row["object_id"], item, self._gone) is not item:
                        return True
                    await share.rest()
        return False

    async def _slices(self, kind: Kind) -> AsyncGenerator[Sequence[Row]]:
        after = -1
        while True:
            async with transaction(self._engine, "read_roster", of=self._cipher.organisation_id) as conn:
                of = self._cipher.organisation_id, self._roster_id
                rows = await rosters.list_items(conn, *of, kind.value, after=after, limit=_OBJECTS_A_READ)
            if not rows:
                break
            if any(row["sealed"] is None for row in rows):
                raise RosterChanged
            yield rows
            after = rows[-1]["ordinal"]

    def _staying(self, kind: str, rows: Sequence[Row]) -> Iterator[RosterObject]:
        for row in rows:
            left = left_of(kind, row["object_id"], self._opened(row), self._gone)
            if left is not None:
                yield RosterObject(kind, self._counts[kind], row["object_id"], left)
                self._counts[kind] += 1

    def _opened(self, row: Row) -> Item:
        item: Item = json.loads(self._cipher.open(bytes(row["sealed"]), bytes(row["source"])))
        return item
