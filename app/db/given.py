"""What an organisation's rosters are held against beside themselves: its settings, and the open data as last seen."""

from collections.abc import Set
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import reference
from app.db.schema import organisation
from app.domain.rules.given import Given
from app.target import Published


async def read_given(conn: AsyncConnection, published: Published, organisation_id: UUID) -> Given:
    """Reads what rules look at beside an object of this organisation, as of now."""
    c = organisation.c
    number, domains = (await conn.execute(sa.select(c.number, c.eppn_domains).where(c.id == organisation_id))).one()
    known = await reference.known_to(conn, number)
    return Given(
        datetime.now(UTC).date(),
        frozenset(domains),
        published.schools(number, known.units, known.others, known.programmes, known.exams),
    )


async def accepted(conn: AsyncConnection, organisation_id: UUID, kind: str, ids: Set[bytes]) -> set[bytes]:
    """Picks those objects of a kind that the target has accepted, and that have not gone since."""
    if not ids:
        return set()
    # The OFFSET makes this a look by the primary key for each.
    found = await conn.scalars(
        sa.text(
            """
            SELECT wanted.id FROM unnest(CAST(:ids AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
                SELECT FROM object
                WHERE organisation_id = :organisation AND kind = :kind AND object.id = wanted.id AND gone_at IS NULL
                OFFSET 0
            ) known
            """
        ),
        {"ids": [UUID(bytes=each) for each in ids], "organisation": organisation_id, "kind": kind},
    )
    return {each.bytes for each in found}
