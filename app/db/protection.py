"""Who is protected now, as a condition of statements: by any current roster, or by what the target has accepted last.

What a run or a plan has noted of an object at its time is added where that is read.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


def is_marked(organisation: str, *persons: str) -> str:
    """Writes the condition that one of these `persons` of an `organisation` is marked; all are expressions for ids.

    Each OFFSET keeps this a look by an index for each, whatever the statistics say.
    """
    ids = ", ".join(persons)
    return f"""
        (EXISTS (
            SELECT FROM roster_item item
            WHERE item.organisation_id = {organisation} AND item.protected AND item.object_id IN ({ids})
            OFFSET 0
        ) OR EXISTS (
            SELECT FROM object
            WHERE object.organisation_id = {organisation} AND object.kind = 'persons' AND object.id IN ({ids})
                AND object.marking > 0
            OFFSET 0
        ))
    """  # noqa: S608 - expressions of ours


# Each by its newest form: of a current roster, or in none of its latest record.
_AMONG = f"""
    SELECT wanted.id FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
    LEFT JOIN LATERAL (
        SELECT kind, refs FROM (SELECT * FROM roster_item WHERE roster_item.object_id = wanted.id OFFSET 0) item
        WHERE item.organisation_id = :organisation AND item.kind IN ('persons', 'duties') ORDER BY upload DESC LIMIT 1
    ) item ON true
    LEFT JOIN LATERAL (
        SELECT kind, refs, protected FROM (SELECT * FROM record WHERE record.object_id = wanted.id OFFSET 0) record
        WHERE item.kind IS NULL AND record.organisation_id = :organisation AND record.kind IN ('persons', 'duties')
        ORDER BY upload DESC, completed_at DESC NULLS FIRST LIMIT 1
    ) latest ON true
    CROSS JOIN LATERAL (
        SELECT CASE coalesce(item.kind, latest.kind) WHEN 'duties' THEN (coalesce(item.refs, latest.refs))[1] END AS id
        -- Worked out apart: beside policies an index serves no comparison with such an expression.
        OFFSET 0
    ) person
    WHERE coalesce(latest.protected, false) OR {is_marked(":organisation", "wanted.id", "person.id")}
"""  # noqa: S608 - constants of ours


async def list_marked(conn: AsyncConnection, organisation_id: UUID) -> Sequence[UUID]:
    """Lists the persons of an organisation who are protected now."""
    query = sa.text("""
        SELECT object_id FROM roster_item WHERE protected AND organisation_id = :organisation
        UNION
        SELECT id FROM object WHERE marking > 0 AND organisation_id = :organisation AND kind = 'persons'
    """)
    return (await conn.scalars(query, {"organisation": organisation_id})).all()


async def protected_among(conn: AsyncConnection, organisation_id: UUID, ids: Iterable[UUID]) -> frozenset[UUID]:
    """Gives those of these `ids` that are of protected persons, or of their duties."""
    found = await conn.execute(sa.text(_AMONG), {"organisation": organisation_id, "ids": list(ids)})
    return frozenset(found.scalars())
