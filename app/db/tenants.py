"""Organisations, how they identify themselves, and their API keys: made on the command line, looked up by requests.

Of certificates and private keys there are names of files here, and never what is in them.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import findings
from app.db.cipher import new_salt
from app.db.schema import api_key, organisation
from app.db.versions import KEY_VERSION
from app.errors import Conflict, NotFound
from app.security.keys import NewKey, new_key

Row = sa.RowMapping


class CertificateFiles(NamedTuple):
    """Where an organisation's certificate and its private key lie."""

    certificate: str
    key: str


async def create_organisation(
    conn: AsyncConnection,
    number: str,
    name: str,
    files: CertificateFiles | None = None,
    entity_id: str | None = None,
    eppn_domains: Sequence[str] = (),
) -> UUID:
    """Registers a school organiser by its ten-digit organisation number; raises Conflict when it is there already."""
    if entity_id is not None and files is None:
        raise _nothing_to_prove_it()
    made = insert(organisation).values(
        id=uuid4(),
        number=number,
        name=name,
        salt=new_salt(),
        entity_id=entity_id,
        eppn_domains=list(eppn_domains),
        **_columns(files),
    )
    organisation_id: UUID | None = await conn.scalar(made.on_conflict_do_nothing().returning(organisation.c.id))
    if organisation_id is None:
        raise Conflict("an organisation with this number exists already")
    return organisation_id


async def set_certificate(
    conn: AsyncConnection, number: str, files: CertificateFiles | None, entity_id: str | None
) -> None:
    """Changes what is given of how an organisation identifies itself, from the next token on; "" ends an entityId.

    Raises NotFound, and Conflict for an entityId without a certificate.
    """
    one = organisation.c.number == number
    has_files = await conn.scalar(sa.select(organisation.c.certificate_file.is_not(None)).where(one).with_for_update())
    if has_files is None:
        raise _unknown()
    if entity_id and not has_files and files is None:
        raise _nothing_to_prove_it()
    changes = {} if files is None else _columns(files)
    if entity_id is not None:
        changes["entity_id"] = entity_id or None
    if changes:
        await conn.execute(sa.update(organisation).where(one).values(**changes))


async def drop_certificate(conn: AsyncConnection, number: str) -> None:
    """Lets an organisation identify itself by its number alone, which a simulator takes. Raises NotFound."""
    changed = sa.update(organisation).where(organisation.c.number == number).values(entity_id=None, **_columns(None))
    if (await conn.execute(changed)).rowcount == 0:
        raise _unknown()


async def set_eppn_domains(conn: AsyncConnection, number: str, domains: Sequence[str]) -> None:
    """Declares the domains of an organisation's logins, in place of those before; its rosters are looked at again.

    Raises NotFound.
    """
    changed = sa.update(organisation).where(organisation.c.number == number).values(eppn_domains=list(domains))
    organisation_id = await conn.scalar(changed.returning(organisation.c.id))
    if organisation_id is None:
        raise _unknown()
    await findings.look_again(conn, organisation_id)


async def organisations(conn: AsyncConnection, number: str | None = None) -> list[Row]:
    """Lists organisations by number: id, number, name, created_at, certificate_file, key_file, entity_id,
    eppn_domains.

    Raises NotFound when there is none with the number asked for.
    """
    listed = sa.select(organisation).order_by(organisation.c.number)
    if number is not None:
        listed = listed.where(organisation.c.number == number)
    found = list((await conn.execute(listed)).mappings())
    if number is not None and not found:
        raise _unknown()
    return found


async def identification(conn: AsyncConnection, organisation_id: UUID) -> Row:
    """Gives how an organisation identifies itself to Skolverket: number, certificate_file, key_file, entity_id."""
    c = organisation.c
    asked = sa.select(c.number, c.certificate_file, c.key_file, c.entity_id).where(c.id == organisation_id)
    return (await conn.execute(asked)).mappings().one()


async def create_key(conn: AsyncConnection, number: str, name: str, scopes: tuple[str, ...]) -> NewKey:
    """Makes a key for an organisation; its text is in the answer and nowhere else. Raises NotFound."""
    organisation_id = await conn.scalar(sa.select(organisation.c.id).where(organisation.c.number == number))
    if organisation_id is None:
        raise _unknown()
    key = new_key()
    await conn.execute(
        sa.insert(api_key).values(
            id=uuid4(),
            organisation_id=organisation_id,
            name=name,
            handle=key.handle,
            digest=key.digest,
            scopes=list(scopes),
        )
    )
    return key


async def keys(conn: AsyncConnection, number: str | None = None) -> list[Row]:
    """Lists keys, newest last: handle, name, scopes, created_at, revoked_at, and the organisation's number."""
    listed = (
        sa.select(
            api_key.c.handle,
            api_key.c.name,
            api_key.c.scopes,
            api_key.c.created_at,
            api_key.c.revoked_at,
            organisation.c.number,
        )
        .join(organisation)
        .order_by(organisation.c.number, api_key.c.created_at)
    )
    if number is not None:
        listed = listed.where(organisation.c.number == number)
    return list((await conn.execute(listed)).mappings())


async def revoke_key(conn: AsyncConnection, handle: str) -> None:
    """Makes a key useless at once; revoking twice keeps the first time. Raises NotFound."""
    revoked = await conn.execute(
        sa.update(api_key)
        .where(api_key.c.handle == handle)
        .values(revoked_at=sa.func.coalesce(api_key.c.revoked_at, sa.func.clock_timestamp()))
    )
    if revoked.rowcount == 0:
        raise NotFound("there is no key with this handle")


async def find_key(conn: AsyncConnection, handle: str) -> Row | None:
    """Gives a key that counts, or None when unknown or revoked.

    It has id, name, organisation_id, salt, handle, digest, scopes and version.
    """
    found = await conn.execute(
        sa.select(
            api_key.c.id,
            api_key.c.name,
            api_key.c.organisation_id,
            organisation.c.salt,
            api_key.c.handle,
            api_key.c.digest,
            api_key.c.scopes,
            sa.literal_column(KEY_VERSION).label("version"),
        )
        .join(organisation)
        .where(api_key.c.handle == handle, api_key.c.revoked_at.is_(None))
    )
    return found.mappings().one_or_none()


def _columns(files: CertificateFiles | None) -> dict[str, str | None]:
    return {"certificate_file": files and files.certificate, "key_file": files and files.key}


def _nothing_to_prove_it() -> Conflict:
    return Conflict("an entityId counts together with a certificate alone: name its file and its key's")


def _unknown() -> NotFound:
    return NotFound("there is no organisation with this number")
