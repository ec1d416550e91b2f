"""Which schools take part in a run: those of its groups, which are few and say nothing about a person."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

MOST: int = 500


async def list_schools(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> list[tuple[UUID, str | None]]:
    """Lists the school units of a run's groups with their names, as far as these are known, five hundred at most."""
    query = sa.text("""
        SELECT one.school_unit AS id, (
            SELECT payload ->> 'displayName' FROM reference_item
            WHERE reference_item.kind = 'school_unit' AND reference_item.id = one.school_unit
        ) AS name
        FROM (
            SELECT DISTINCT school_unit FROM record
            WHERE record.run_id = :run AND record.kind = 'groups' AND record.school_unit IS NOT NULL
                AND (record.organisation_id = :organisation) IS TRUE
            ORDER BY school_unit LIMIT :most
        ) one
        ORDER BY name, id
    """)
    given = {"organisation": organisation_id, "run": run_id, "most": MOST}
    return [(row.id, row.name) for row in await conn.execute(query, given)]
