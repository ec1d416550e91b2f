"""What an organisation's rosters are held against beside themselves: its settings, and the open data as last seen."""

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
