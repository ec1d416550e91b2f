"""Which persons of an organisation have a personnummer, found as a search finds them."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.content import open_contents
from app.db.searches import Sought
from app.domain.search import Query, Texts


async def persons_with(conn: AsyncConnection, cipher: OrganisationCipher, civic_no: str) -> Sequence[UUID]:
    """Lists the persons that have this whole personnummer, in any usual writing, in a roster or in history.

    Raises nothing for what is no personnummer: nobody has it.
    """
    query = Query.of(civic_no)
    if not query.is_civic_no:
        return []
    sought = Sought.of(query, cipher)
    asked = sought.bound(
        f"WITH {sought.hits} SELECT object_id, digest FROM hit WHERE kind = 'persons'",  # noqa: S608 - our own text
        organisation=cipher.organisation_id,
    )
    hits = (await conn.execute(asked)).all()
    opened = await open_contents(conn, cipher, [bytes(digest) for _, digest in hits])
    return sorted(
        {
            object_id
            for object_id, digest in hits
            if (plain := opened.get(bytes(digest))) is not None
            and query.fits(Texts.of("persons", object_id, json.loads(plain)))
        }
    )
