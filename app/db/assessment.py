"""What there is to say of a roster while it is taken in: object by object as it arrives, and of all of it at the end.

What it says of an object goes with its row; what is about several objects, or counts them, is written here.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.findings import FINDINGS, add_findings, in_threads
from app.db.given import accepted, read_given
from app.db.reference import ask_again
from app.db.staging import STAGED
from app.db.tasks import renew
from app.domain.issues import Issue, stored
from app.domain.outgoing import Outgoing
from app.domain.reading import Reading
from app.domain.roster import RosterObject
from app.domain.rules.check import MAY_BE_NEW
from app.target import Published

# More than that nothing is said of one object by itself.
_MOST_OF_AN_OBJECT = 10_000
_GUARDIANS = f"""
    UPDATE staged SET outgoing = NULL, outgoing_sealed = NULL, sendable = false, findings = NULL,
        issues = CAST(:issues AS jsonb)
    WHERE {STAGED} AND kind = 'persons' AND ordinal = ANY (CAST(:guardians AS integer[]))
"""  # noqa: S608 - a constant of ours
# Of each guardian there is an issue for its record and no finding: one counts them.
FINDINGS_OF_OBJECTS = f"""
    INSERT INTO finding (organisation_id, roster_id, kind, ordinal, origin, number, object_id, code, severity, pointer,
        ids, cause)
    SELECT :organisation, roster_id, kind, ordinal, coalesce(one ->> 'origin', 'object'), number, object_id,
        one ->> 'code', one ->> 'severity', coalesce(one ->> 'pointer', ''),
        CASE WHEN one ? 'ids' THEN ARRAY(SELECT jsonb_array_elements_text(one -> 'ids')::uuid) END, one ->> 'cause'
    FROM staged
        CROSS JOIN LATERAL jsonb_array_elements(coalesce(issues, '[]') || coalesce(findings, '[]'))
        WITH ORDINALITY AS each (one, number)
    WHERE {STAGED} AND (issues IS NOT NULL OR findings IS NOT NULL) AND one ->> 'code' <> 'guardian'
"""  # noqa: S608 - a constant of ours


@dataclass
class Assessment:
    """What is said of one roster in the course of its `reading`."""

    published: Published
    reading: Reading
    # Whether an object refers to what the open data does not have.
    _may_be_new: bool = False

    def read(self, given: RosterObject) -> tuple[Outgoing, list[dict[str, Any]]]:
        """Gives what leaves of the next object, and as it is staged what changes nothing for its record."""
        leaves, own, outside = self.reading.read(given)
        if not own and not outside:
            return leaves, []
        self._may_be_new = self._may_be_new or any(issue.code in MAY_BE_NEW for issue in outside)
        return leaves, [*stored(own), *({**each, "origin": "open_data"} for each in stored(outside))]

    async def set_guardians_apart(self, conn: AsyncConnection, roster_id: UUID) -> None:
        """Has persons who have no part in an exam stay here, in the rows that are staged."""
        if guardians := await asyncio.to_thread(self.reading.check.guardians):
            issues = json.dumps(stored([Issue("guardian", "warning", "")]))
            await conn.execute(sa.text(_GUARDIANS), {"roster": roster_id, "guardians": guardians, "issues": issues})

    async def write(self, conn: AsyncConnection, organisation_id: UUID, roster_id: UUID) -> None:
        """Writes what was counted, and what is wrong with objects in the light of each other.

        What the roster was held against may have changed since its first object was read: then it is looked at again.
        To be called under the organisation's lock.
        """
        place = (organisation_id, roster_id)
        facts = self.reading.check.facts
        for kind, ids in (await asyncio.to_thread(facts.outside)).items():
            facts.at_target[kind] = await accepted(conn, organisation_id, kind, ids)
        await add_findings(conn, *place, "object", in_threads(self.reading.counted()))
        await add_findings(conn, *place, "across", in_threads(self.reading.check.across()))
        # Behind those of the objects by themselves.
        with_open_data = in_threads(self.reading.check.across_and_open_data())
        await add_findings(conn, *place, "open_data", with_open_data, after=_MOST_OF_AN_OBJECT)
        if await read_given(conn, self.published, organisation_id) != self.reading.check.given:
            await renew(conn, FINDINGS, {str(roster_id): organisation_id})
        if self._may_be_new:
            await ask_again(conn, self.reading.check.given.schools.number)
