"""Contents: every text, value and name of an object or a call, sealed, and stored once in its organisation.

Rows of history carry the digest alone. A content can go (`forget_content`), and what is shown of it then is "erased".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher


@dataclass(frozen=True, slots=True)
class Content:
    """One content as it is stored; `kind` and `object_id` say whose it is, a batch's is of kind `batch`."""

    kind: str
    object_id: UUID
    digest: bytes
    sealed: bytes = field(repr=False)


def sealed_content(cipher: OrganisationCipher, kind: str, object_id: UUID, plain: bytes) -> Content:
    """Seals `plain` as a content of an object."""
    digest = cipher.digest(kind, object_id, plain)
    return Content(kind, object_id, digest, cipher.seal(plain, digest))


async def keep_contents(conn: AsyncConnection, cipher: OrganisationCipher, contents: Iterable[Content]) -> None:
    """Stores contents; those that are there already stay as they are."""
    given = {each.digest: each for each in contents}
    if not given:
        return
    rows = list(given.values())
    await conn.execute(
        sa.text(
            "SELECT keep_contents(:organisation, CAST(:digests AS bytea[]), CAST(:kinds AS text[]),"
            " CAST(:ids AS uuid[]), CAST(:sealed AS bytea[]))"
        ),
        {
            "organisation": cipher.organisation_id,
            "digests": [each.digest for each in rows],
            "kinds": [each.kind for each in rows],
            "ids": [each.object_id for each in rows],
            "sealed": [each.sealed for each in rows],
        },
    )


async def forget_contents(conn: AsyncConnection, cipher: OrganisationCipher, digests: Iterable[bytes]) -> None:
    """Deletes those of these contents that no roster and no record has any more."""
    await conn.execute(
        sa.text("SELECT forget_content(:organisation, CAST(:digests AS bytea[]))"),
        {"organisation": cipher.organisation_id, "digests": list(digests)},
    )


async def open_contents(
    conn: AsyncConnection, cipher: OrganisationCipher, digests: Iterable[bytes]
) -> Mapping[bytes, bytes]:
    """Reads and opens contents by their digests; those that have been erased are missing."""
    rows = await conn.execute(
        sa.text(
            """
            SELECT found.digest, found.sealed FROM unnest(CAST(:digests AS bytea[])) AS asked CROSS JOIN LATERAL (
                SELECT digest, sealed FROM content
                WHERE organisation_id = :organisation AND digest = asked OFFSET 0
            ) found
            """
        ),
        {"organisation": cipher.organisation_id, "digests": list(set(digests))},
    )
    return {bytes(row.digest): cipher.open(bytes(row.sealed), bytes(row.digest)) for row in rows}
