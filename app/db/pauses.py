"""Pauses of an activity, or of all that an organisation has: nothing new of it leaves until whoever paused it resumes.

Each is one verb. The caller owns the transaction and sends the wake-ups that are returned, after the commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.activity_queue import WakeUp, wake_ups_of
from app.db.cipher import OrganisationCipher
from app.db.free_text import reason_place, seal_text
from app.db.schema import pause as table
from app.db.verbs import call_verb
from app.errors import NotFound

By = Literal["operator", "organisation"]
MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class Place:
    """What is paused: an activity, or without one all of an organisation."""

    organisation_id: UUID
    activity_id: UUID | None = None


async def pause(
    conn: AsyncConnection, place: Place, *, cipher: OrganisationCipher | None, who: str, reason: str
) -> list[WakeUp]:
    """Lets nothing new of it leave; what is out is followed to its answer. Twice is once, with the first reason.

    An organisation's pause comes with its `cipher`, which seals its reason; without one it is an operator's, whose
    reason is for all to see. `who` is the handle of a key, or the command line. Raises NotFound.
    """
    pause_id = uuid4()
    values = {
        **_keys(place),
        "id": pause_id,
        "by": "operator" if cipher is None else "organisation",
        "who": who,
        "reason": reason if cipher is None else None,
        "sealed": None if cipher is None else seal_text(cipher, reason, reason_place(pause_id)),
    }
    return await _call(
        conn,
        "pause(:organisation, CAST(:activity AS uuid), :id, :by, :who, CAST(:reason AS text), CAST(:sealed AS bytea))",
        values,
    )


async def resume(conn: AsyncConnection, place: Place, *, by: By, who: str) -> list[WakeUp]:
    """Ends its pause, and lets its held runs go on unless another pause keeps them. What isn't paused stays as it is.

    An operator ends the organisation's pause too; the organisation ends its own alone. Raises NotFound.
    """
    values = {**_keys(place), "by": by, "who": who}
    return await _call(conn, "resume(:organisation, CAST(:activity AS uuid), :by, :who)", values)


async def pauses_in_force(conn: AsyncConnection, organisation_ids: Iterable[UUID]) -> Sequence[sa.RowMapping]:
    """Gives the pauses of these organisations and their activities, the oldest first."""
    query = (
        sa.select(
            *(table.c.id, table.c.organisation_id, table.c.activity_id),
            *(table.c.since, table.c.reason, table.c.reason_sealed, table.c.by),
        )
        .where(table.c.organisation_id.in_(list(organisation_ids)), table.c.ended_at.is_(None))
        .order_by(table.c.since, table.c.id)
    )
    return (await conn.execute(query)).mappings().all()


async def pauses_of_activity(conn: AsyncConnection, place: Place) -> Sequence[sa.RowMapping]:
    """Gives the pauses that keep an activity, those of all of its organisation too; without one only these."""
    found = await pauses_in_force(conn, [place.organisation_id])
    return [each for each in found if each["activity_id"] in (None, place.activity_id)]


def _keys(place: Place) -> Mapping[str, Any]:
    return {"organisation": place.organisation_id, "activity": place.activity_id}


async def _call(conn: AsyncConnection, function: str, values: Mapping[str, Any]) -> list[WakeUp]:
    given = await call_verb(conn, function, values)
    if "refused" in given:
        raise NotFound("There is no such activity." if values["activity"] else "There is no such organisation.")
    return wake_ups_of(given["wake_ups"])
