"""What callers read of rosters: the objects, and what is wrong with them.

Scoped to one organisation first of all.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.reads import Row
from app.db.schema import content, roster_item
from app.domain.kinds import Kind

_LAST = 2**31 - 1


async def list_findings(
    conn: AsyncConnection,
    organisation_id: UUID,
    activity_id: UUID,
    *,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[Row]:
    """Lists what is wrong with the current roster, in its order: kind, ordinal, number, object_id, issue."""
    first, from_ordinal, from_number = after if after is not None else (Kind.PERSONS, 0, 0)
    found: list[Row] = []
    for kind in Kind:
        if kind.position < Kind(first).position:
            continue
        start = (from_ordinal, from_number) if kind == first else (0, 0)
        rows = await conn.execute(
            sa.text(
                """
                SELECT item.kind, item.ordinal, issue.number::int, item.object_id, issue.issue
                FROM roster_item item
                CROSS JOIN LATERAL jsonb_array_elements(item.issues) WITH ORDINALITY AS issue (issue, number)
                WHERE item.roster_id = (
                        SELECT roster_id FROM activity WHERE organisation_id = :organisation AND id = :activity
                    )
                    AND item.kind = :kind AND item.issues IS NOT NULL AND item.ordinal >= :ordinal
                    AND (item.ordinal, issue.number) > (:ordinal, :number)
                ORDER BY item.ordinal, issue.number LIMIT :limit
                """
            ),
            {
                "organisation": organisation_id,
                "activity": activity_id,
                "kind": kind.value,
                "ordinal": start[0],
                "number": start[1],
                "limit": limit + 1 - len(found),
            },
        )
        found += rows.mappings().all()
        if len(found) > limit:
            break
    return found


async def list_items(
    conn: AsyncConnection, organisation_id: UUID, roster_id: UUID, kind: str, *, after: int, limit: int
) -> Sequence[Row]:
    """Reads a slice of one list of a roster, in its order: object_id, ordinal, source, sealed."""
    # Between two keys of its index: by equalities a planner takes a roster for one of average size, and sorts all of a
    # large one for each slice. Whose it is is asked of what was found.
    key = (roster_item.c.roster_id, roster_item.c.kind, roster_item.c.ordinal)
    slice_ = (
        sa.select(roster_item)
        .where(
            sa.tuple_(*key) > sa.tuple_(roster_id, kind, after), sa.tuple_(*key) <= sa.tuple_(roster_id, kind, _LAST)
        )
        .order_by(*key)
        .limit(sa.bindparam(None, limit, literal_execute=True))
        .subquery()
    )
    query = (
        sa.select(
            *(slice_.c[name] for name in ("object_id", "ordinal", "source")),
            sa.select(content.c.sealed)
            .where(content.c.organisation_id == organisation_id, content.c.digest == slice_.c.source)
            .scalar_subquery()
            .label("sealed"),
        )
        .where(slice_.c.organisation_id == organisation_id)
        .order_by(slice_.c.ordinal)
    )
    return (await conn.execute(query)).mappings().all()
