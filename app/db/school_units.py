"""School units as an operator names them: by their ids, or by their codes in the open data as it was last seen."""

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.roster import uuid_of
from app.errors import NotFound


async def school_units_named(conn: AsyncConnection, given: Iterable[str]) -> list[UUID]:
    """Gives the ids of these school units, each `given` by its id or its code; raises NotFound for an unknown code.

    An id is taken as it is: a roster may have units that the open data lacks.
    """
    ids = {each: uuid_of(each) for each in given}
    codes = [each for each, id_ in ids.items() if id_ is None]
    found = await conn.execute(
        sa.text("SELECT code, id FROM reference_item WHERE kind = 'school_unit' AND code = ANY (:codes)"),
        {"codes": codes},
    )
    known: dict[str, UUID] = {row.code: row.id for row in found}
    if unknown := [each for each in codes if each not in known]:
        raise NotFound(f"Of {len(unknown)} school units the codes are unknown: give their ids.")
    return [known[each] if id_ is None else id_ for each, id_ in ids.items()]
