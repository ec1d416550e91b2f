"""Contents: every text, value and name of an object or a call, sealed, and stored once in its organisation.

Rows of history carry the digest alone. A content goes when nothing has it any more (`forget_content`), or since its
object is to be erased (`erase_objects`): null is shown in its place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import KeyUnknown, OrganisationCipher, key_id_of
from app.db.faults import Unusable


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


def sealed_answer(cipher: OrganisationCipher, kind: str, object_id: UUID, plain: bytes) -> Content:
    """Seals what was received as a content of an object or a batch: compressed, since one answer is like another."""
    digest = cipher.digest(kind, object_id, plain)
    return Content(kind, object_id, digest, cipher.seal_compressed(plain, digest))


async def forget_contents(conn: AsyncConnection, cipher: OrganisationCipher, digests: Iterable[bytes]) -> None:
    """Deletes those of these contents that no roster and no record has any more."""
    await conn.execute(
        sa.text("SELECT forget_content(:organisation, CAST(:digests AS bytea[]))"),
        {"organisation": cipher.organisation_id, "digests": list(digests)},
    )


async def erase_objects(conn: AsyncConnection, organisation_id: UUID, kind: str, objects: Iterable[UUID]) -> int:
    """Erases what is kept of these objects of a kind, in rows of history too; gives how many contents that were.

    The answers and the SHA-256 of all batches that carried one of them go with it. The database refuses
    (`erased_while_wanted`) what a roster or a run under way has.
    """
    erase = "SELECT erase_objects(:organisation, :kind, CAST(:objects AS uuid[]))"
    given = {"organisation": organisation_id, "kind": kind, "objects": list(objects)}
    return int(await conn.scalar(sa.text(erase), given) or 0)


async def open_contents(
    conn: AsyncConnection, cipher: OrganisationCipher, digests: Iterable[bytes]
) -> Mapping[bytes, bytes]:
    """Reads and opens contents by their digests; those that have been erased are missing."""
    sealed = await sealed_contents(conn, cipher, digests)
    return {digest: cipher.open(each, digest) for digest, each in sealed.items()}


def open_all(cipher: OrganisationCipher, wanted: Iterable[tuple[UUID, bytes, bytes | None]]) -> Mapping[bytes, bytes]:
    """Opens contents that are to be sent: `wanted` are object, digest, and what is stored, None when nothing is.

    Raises Unusable with the objects whose contents are missing, or do not open although others of the same key have;
    KeyUnknown when the key is not ours: none is among ours, or nothing opens with the one of that id.
    """
    opened, gone, closed = dict[bytes, bytes](), list[UUID](), list[tuple[UUID, str]]()
    for object_id, digest, sealed in wanted:
        if sealed is None:
            gone.append(object_id)
            continue
        try:
            opened[digest] = cipher.open(sealed, digest)
            cipher.proven.add(key_id_of(sealed))
        except InvalidTag:
            closed.append((object_id, key_id_of(sealed)))
    if unproven := {key_id for _, key_id in closed} - cipher.proven:
        raise KeyUnknown(f"nothing opens with the encryption keys {sorted(unproven)}: are they the right ones?")
    if unusable := [*gone, *(object_id for object_id, _ in closed)]:
        raise Unusable(f"contents of {len(unusable)} records are missing or do not open", records=unusable)
    return opened


async def sealed_contents(
    conn: AsyncConnection, cipher: OrganisationCipher, digests: Iterable[bytes]
) -> Mapping[bytes, bytes]:
    """Reads contents as they are stored, by their digests; those that have been erased are missing."""
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
    return {bytes(row.digest): bytes(row.sealed) for row in rows}
