"""What callers read of rosters: the objects.

Scoped to one organisation first of all.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.reads import Row
from app.db.schema import content, roster_item
from app.domain.rules.parts import MOST_ISSUES

_LAST = 2**31 - 1


# With a finding of this kind a reference may be in a spelling that is no reference; where there are so many that some
# were left out, such a one may be among those.
_UNCLEAR: Final = f"""
    SELECT kind, object_id, source FROM (
        SELECT * FROM roster_item
        WHERE roster_item.roster_id BETWEEN :roster AND :roster
            AND roster_item.kind IN ('duties', 'groups', 'activities')
        OFFSET 0
    ) item
    WHERE organisation_id = :organisation
        AND (
            issues @? '$[*].code ? (@ starts with "schema_" || @ == "value_left_out")'
            OR jsonb_array_length(issues) >= {MOST_ISSUES}
        )
"""  # noqa: S608 - a constant of ours


async def list_unclear(conn: AsyncConnection, organisation_id: UUID, roster_id: UUID) -> Sequence[Row]:
    """Lists duties, groups and activities of a roster that may name more than they refer to: kind, object_id, source.

    All that is not spelt as ids are is left out with a finding, of which an object has `MOST_ISSUES` at most.
    """
    given = {"organisation": organisation_id, "roster": roster_id}
    return (await conn.execute(sa.text(_UNCLEAR), given)).mappings().all()


async def list_items(
    conn: AsyncConnection, organisation_id: UUID, roster_id: UUID, kind: str, *, after: int, limit: int
) -> Sequence[Row]:
    """Reads a slice of one list of a roster, in its order: object_id, ordinal, protected, source, sealed."""
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
            *(slice_.c[name] for name in ("object_id", "ordinal", "protected", "source")),
            sa.select(content.c.sealed)
            .where(content.c.organisation_id == organisation_id, content.c.digest == slice_.c.source)
            .scalar_subquery()
            .label("sealed"),
        )
        .where(slice_.c.organisation_id == organisation_id)
        .order_by(slice_.c.ordinal)
    )
    return (await conn.execute(query)).mappings().all()
