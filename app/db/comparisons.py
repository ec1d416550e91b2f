"""Rosters that are held against each other: the findings of what differs, made anew when another one has changed."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.findings import count_findings
from app.db.schema import activity, organisation
from app.db.verbs import call_verb

# The kind of the tasks; their keys are `organisation activity`, and the upload since which others are compared too.
COMPARE_ROSTER: Final = "compare_roster"

# Whoever changes a roster waits until it has been compared with so many objects of others, as far as these can be
# foreseen; and until those others have been compared that have so many objects together. More is left to tasks.
_MOST_SHARED, _AT_ONCE = 250_000, 2_000
_SAMPLE = 200
# Ids come in no order that means anything.
_SHARED = """
    SELECT count(other.place) * :total / greatest(count(DISTINCT mine.object_id), 1) FROM (
        SELECT object_id FROM roster_item WHERE roster_id BETWEEN :roster AND :roster AND kind = 'persons'
        ORDER BY roster_id, kind, object_id LIMIT :sample
    ) mine LEFT JOIN LATERAL (
        SELECT true AS place FROM roster_item
        WHERE roster_item.object_id = mine.object_id AND roster_item.roster_id <> :roster OFFSET 0
    ) other ON true
"""
_ASK = """
    INSERT INTO task (kind, key, organisation_id)
    SELECT :kind, asked, :organisation FROM unnest(CAST(:keys AS text[])) AS asked ORDER BY asked
    ON CONFLICT (kind, key) DO UPDATE SET claim = next_claim(task.claim), leased_until = NULL,
        due_at = clock_timestamp()
"""


async def compare_upload(
    conn: AsyncConnection,
    organisation_id: UUID,
    activity_id: UUID,
    roster_id: UUID,
    upload: int,
    left_with: Collection[UUID],
) -> None:
    """Makes the findings anew that a roster which has just come in has beside others, and those of the others.

    `left_with` are other rosters that have what the one before had and this one has not. What would take long is left
    to tasks. The caller holds the organisation's row.
    """
    counts = sa.select(activity.c.counts).where(
        activity.c.organisation_id == organisation_id, activity.c.id == activity_id
    )
    total = sum((await conn.execute(counts)).scalar_one().values())
    others = set(left_with)
    values = {"roster": roster_id, "total": total, "sample": _SAMPLE}
    if (await conn.scalar(sa.text(_SHARED), values) or 0) > _MOST_SHARED:
        await _ask(conn, organisation_id, [f"{organisation_id} {activity_id} {upload}"])
    else:
        others.update(await compare_roster(conn, organisation_id, activity_id, upload))
    await count_findings(conn, organisation_id, activity_id)
    await compare_others(conn, organisation_id, others)


async def compare_roster(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, since: int | None = None
) -> Sequence[UUID]:
    """Makes the findings anew that an activity's roster has in the light of others, of before, and of its last run.

    Gives the other rosters that have an object which is in this one since the upload `since`. The caller holds the
    organisation's row, and counts the findings.
    """
    given: Sequence[UUID] = await call_verb(
        conn,
        "compare_roster(:organisation, :activity, CAST(:since AS bigint))",
        {"organisation": organisation_id, "activity": activity_id, "since": since},
    )
    return given


async def rosters_left_with(
    conn: AsyncConnection, organisation_id: UUID, old_roster: UUID, new_roster: UUID
) -> Sequence[UUID]:
    """Lists the other rosters that have an object which the old roster has, and the new one in its place has not."""
    given: Sequence[UUID] = await call_verb(
        conn,
        "rosters_left_with(:organisation, :old, :new)",
        {"organisation": organisation_id, "old": old_roster, "new": new_roster},
    )
    return given


async def compare_others(conn: AsyncConnection, organisation_id: UUID, rosters: Collection[UUID]) -> None:
    """Has rosters compared anew that share what has changed in another: small ones now, by a task each if they are not.

    What is under way of such a task begins anew. The caller holds the organisation's row.
    """
    if not rosters:
        return
    query = sa.select(activity.c.id, activity.c.counts).where(
        activity.c.organisation_id == organisation_id,
        activity.c.roster_id == sa.any_(sa.literal(list(rosters), sa.ARRAY(activity.c.roster_id.type))),
    )
    found = (await conn.execute(query.order_by(activity.c.id))).all()
    if sum(sum(row.counts.values()) for row in found) <= _AT_ONCE:
        for row in found:
            await compare_roster(conn, organisation_id, row.id)
            await count_findings(conn, organisation_id, row.id)
    else:
        await _ask(conn, organisation_id, [f"{organisation_id} {row.id}" for row in found])


async def compare_anew(conn: AsyncConnection, key: str) -> bool:
    """Does what the task of that key asks for; no roster of the organisation changes meanwhile.

    Does nothing and gives False while a roster is being changed: whoever waited would keep others waiting.
    """
    given, asked, *since = key.split()
    organisation_id, activity_id = UUID(given), UUID(asked)
    held = sa.select(organisation.c.id).where(organisation.c.id == organisation_id)
    if await conn.scalar(held.with_for_update(key_share=True, skip_locked=True)) is None:
        return False
    others = await compare_roster(conn, organisation_id, activity_id, int(since[0]) if since else None)
    await count_findings(conn, organisation_id, activity_id)
    await compare_others(conn, organisation_id, others)
    return True


async def _ask(conn: AsyncConnection, organisation_id: UUID, keys: Sequence[str]) -> None:
    given = {"kind": COMPARE_ROSTER, "organisation": organisation_id, "keys": list(keys)}
    await conn.execute(sa.text(_ASK), given)
