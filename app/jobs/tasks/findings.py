"""Rosters are held against the open data, and the domains of their organisation's logins, again when those change.

What a roster says by itself was found when it was put, and stays.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import findings, rosters
from app.db.cipher import Cipher, OrganisationCipher
from app.db.engine import transaction
from app.db.given import read_given
from app.db.schema import activity, organisation
from app.db.tasks import Task
from app.db.tenants import OWN_KEYS
from app.domain.issues import Finding
from app.domain.kinds import Kind
from app.domain.rules.check import RosterCheck
from app.domain.rules.given import Given
from app.jobs.tasks.kind import Store, TaskKind
from app.target import Published

_LONGEST = timedelta(minutes=15)
_OBJECTS_A_READ = 500
# After so many objects others have the loop.
_OBJECTS_A_TURN = 20


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Looks at rosters again, whose contents the `cipher` opens."""

    engine: AsyncEngine
    cipher: Cipher
    published: Published

    def kind(self) -> TaskKind:
        """Makes the kind of task."""
        return TaskKind(findings.FINDINGS, _LONGEST, None, self.do)

    async def do(self, task: Task) -> Store:
        """Finds what is wrong with a roster by now; it is stored if the roster is still there."""
        roster_id, organisation_id = UUID(task.key), task.organisation_id
        assert organisation_id is not None  # noqa: S101 - every such task is made with one
        async with transaction(self.engine, "read_given", of=organisation_id) as conn:
            given = await read_given(conn, self.published, organisation_id)
            own_keys = await conn.scalar(sa.select(OWN_KEYS).where(organisation.c.id == organisation_id))
        opens = self.cipher.of(organisation_id, bytes(own_keys or b""))
        found = await self._found(given, opens, roster_id)

        async def store(conn: AsyncConnection) -> None:
            c = activity.c
            mine = (c.organisation_id == organisation_id, c.roster_id == roster_id, c.deleted_at.is_(None))
            current = sa.select(c.id).where(*mine)
            activity_id = await conn.scalar(current.with_for_update(key_share=True))
            if activity_id is None:
                return
            await findings.remove_findings(conn, organisation_id, roster_id, ["open_data"])
            await findings.add_findings(conn, organisation_id, roster_id, "open_data", found)
            await findings.count_findings(conn, organisation_id, activity_id)

        return store

    async def _found(self, given: Given, cipher: OrganisationCipher, roster_id: UUID) -> list[Finding]:
        check, found = RosterCheck(given), list[Finding]()
        async for kind, ordinal, object_id, item in self._objects(cipher, roster_id):
            check.facts.add(kind, ordinal, object_id, item)
            found += (Finding(kind, ordinal, object_id, issue) for issue in check.against_open_data(kind, item))
        found += await asyncio.to_thread(list, check.across_and_open_data())
        guardians = set(await asyncio.to_thread(check.guardians))
        return [each for each in found if each.kind != Kind.PERSONS or each.ordinal not in guardians]

    async def _objects(
        self, cipher: OrganisationCipher, roster_id: UUID
    ) -> AsyncIterator[tuple[str, int, UUID, dict[str, Any]]]:
        """Gives a roster's objects; one that has been erased has nothing in it."""
        for kind in Kind:
            async for rows in self._slices(cipher.organisation_id, roster_id, kind):
                for number, row in enumerate(rows):
                    if number % _OBJECTS_A_TURN == 0:
                        await asyncio.sleep(0)
                    yield kind.value, row["ordinal"], row["object_id"], _opened(cipher, row)

    async def _slices(self, organisation_id: UUID, roster_id: UUID, kind: Kind) -> AsyncIterator[Any]:
        ordinal = -1
        while True:
            async with transaction(self.engine, "read_roster", of=organisation_id) as conn:
                rows = await rosters.list_items(
                    conn, organisation_id, roster_id, kind, after=ordinal, limit=_OBJECTS_A_READ
                )
            if not rows:
                return
            yield rows
            ordinal = rows[-1]["ordinal"]


def _opened(cipher: OrganisationCipher, row: Any) -> dict[str, Any]:
    if row["sealed"] is None:
        return {}
    item: dict[str, Any] = json.loads(cipher.open(bytes(row["sealed"]), bytes(row["source"])))
    return item
