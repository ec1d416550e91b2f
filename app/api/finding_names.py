"""The names of the objects that findings speak of, as far as the viewer may see each."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.reading.disclosures import Disclosure
from app.db import findings, reads
from app.db.cipher import OrganisationCipher
from app.domain.kinds import Kind
from app.views.issue import Names
from app.views.sealed import open_name


async def names_of(
    conn: AsyncConnection, cipher: OrganisationCipher, disclosure: Disclosure, ids: Iterable[UUID]
) -> Names:
    """Gives the names of the objects with these ids, and of the exams: what differs between rosters names those."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    spoken_of = await findings.list_spoken_of(conn, disclosure.viewer.organisation_id, wanted)
    exams = await reads.activity_names(conn, cipher, wanted)
    return {
        **disclosure.names(open_name(row, cipher) for row in spoken_of),
        **{(Kind.ACTIVITIES, each): name for each, name in exams.items()},
    }
