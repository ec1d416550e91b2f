"""Organisations, how they identify themselves, and their API keys: made on the command line, looked up by requests.

Of certificates and private keys there are names of files here, and never what is in them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import findings
from app.db.cipher import Cipher
from app.db.schema import api_key, organisation, run
from app.db.versions import KEY_COUNTS, KEY_VERSION
from app.errors import Conflict, NotFound
from app.security.keys import OPERATOR, NewKey, new_key

Row = sa.RowMapping

# An organisation's own keys as `Cipher.of` takes them.
OWN_KEYS: Final = sa.literal_column("organisation.salt || coalesce(organisation.digest_key, '')", sa.LargeBinary).label(
    "own_keys"
)


class CertificateFiles(NamedTuple):
    """Where an organisation's certificate and its private key lie."""

    certificate: str
    key: str


async def create_organisation(
    conn: AsyncConnection,
    cipher: Cipher,
    number: str,
    name: str,
    files: CertificateFiles | None = None,
    entity_id: str | None = None,
    eppn_domains: Sequence[str] = (),
) -> UUID:
    """Registers a school organiser by its ten-digit organisation number, with keys of its own that `cipher` seals.

    Raises Conflict when it is there already.
    """
    if entity_id is not None and files is None:
        raise _nothing_to_prove_it()
    new_id = uuid4()
    own = cipher.new_keys(new_id)
    made = insert(organisation).values(
        id=new_id,
        number=number,
        name=name,
        salt=own.salt,
        digest_key=own.digest_key,
        entity_id=entity_id,
        eppn_domains=list(eppn_domains),
        **_columns(files),
    )
    organisation_id: UUID | None = await conn.scalar(made.on_conflict_do_nothing().returning(organisation.c.id))
    if organisation_id is None:
        raise Conflict("An organisation with this number exists already.")
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
    await _change(conn, number, entity_id=None, **_columns(None))


async def set_eppn_domains(conn: AsyncConnection, number: str, domains: Sequence[str]) -> None:
    """Declares the domains of an organisation's logins, in place of those before; its rosters are looked at again.

    Raises NotFound.
    """
    await findings.look_again(conn, await _change(conn, number, eppn_domains=list(domains)))


async def rename_organisation(conn: AsyncConnection, number: str, name: str) -> None:
    """Changes what people call an organisation. Raises NotFound."""
    await _change(conn, number, name=name)


async def set_disabled(conn: AsyncConnection, number: str, *, disabled: bool) -> None:
    """Lets an organisation's keys open nothing, or what they did before; disabling twice keeps the first time.

    What has been accepted is carried out all the same. Raises NotFound, and Conflict for one that was erased.
    """
    now = sa.func.coalesce(organisation.c.disabled_at, sa.func.clock_timestamp())
    if not disabled:
        await _check_not_erased(conn, number)
    await _change(conn, number, disabled_at=now if disabled else None)


async def check_number(conn: AsyncConnection, number: str | None) -> None:
    """Raises NotFound when there is no organisation with this number; None is of all."""
    if number is not None:
        await organisations(conn, number)


async def organisations(conn: AsyncConnection, number: str | None = None) -> list[Row]:
    """Lists organisations by number: id, number, name, created_at, disabled_at, certificate_file, key_file,
    entity_id, eppn_domains.

    Raises NotFound when there is none with the number asked for.
    """
    listed = sa.select(organisation).order_by(organisation.c.number)
    if number is not None:
        listed = listed.where(organisation.c.number == number)
    found = list((await conn.execute(listed)).mappings())
    if number is not None and not found:
        raise _unknown()
    return found


async def own_keys(conn: AsyncConnection, organisation_id: UUID) -> bytes:
    """Gives an organisation's own keys as `Cipher.of` takes them."""
    asked = sa.select(OWN_KEYS).where(organisation.c.id == organisation_id)
    return bytes((await conn.execute(asked)).scalar_one())


async def organisation_of_run(conn: AsyncConnection, run_id: UUID) -> Row | None:
    """Gives id and number of the organisation that a run is of; for operators, who see all of them."""
    of_run = run.c.organisation_id == organisation.c.id
    asked = sa.select(organisation.c.id, organisation.c.number).join(run, of_run).where(run.c.id == run_id)
    return (await conn.execute(asked)).mappings().one_or_none()


async def identification(conn: AsyncConnection, organisation_id: UUID) -> Row:
    """Gives how an organisation identifies itself to Skolverket: number, certificate_file, key_file, entity_id."""
    c = organisation.c
    asked = sa.select(c.number, c.certificate_file, c.key_file, c.entity_id).where(c.id == organisation_id)
    return (await conn.execute(asked)).mappings().one()


async def create_key(
    conn: AsyncConnection,
    number: str,
    name: str,
    scopes: tuple[str, ...],
    expires_at: datetime | None = None,
    school_units: Sequence[UUID] | None = None,
) -> NewKey:
    """Makes a key for an organisation, or for the objects of its `school_units` alone; its text is in the answer and
    nowhere else. Raises NotFound, and Conflict for one that was erased.
    """
    organisation_id: UUID | None = await conn.scalar(
        sa.select(organisation.c.id).where(organisation.c.number == number)
    )
    if organisation_id is None:
        raise _unknown()
    await _check_not_erased(conn, number)
    return await insert_key(conn, organisation_id, name, scopes, expires_at, school_units)


async def create_operator_key(conn: AsyncConnection, name: str, expires_at: datetime | None = None) -> NewKey:
    """Makes an operator's key, which is of no organisation; its text is in the answer and nowhere else."""
    return await insert_key(conn, None, name, (OPERATOR,), expires_at, None)


async def insert_key(
    conn: AsyncConnection,
    of: UUID | None,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    school_units: Sequence[UUID] | None,
) -> NewKey:
    """Makes a key of an organisation, or with the scope operator of none; with `school_units` it reads theirs alone."""
    key = new_key()
    await conn.execute(
        sa.insert(api_key).values(
            id=uuid4(),
            organisation_id=of,
            name=name,
            handle=key.handle,
            digest=key.digest,
            scopes=list(scopes),
            school_units=None if school_units is None else sorted(set(school_units)),
            expires_at=expires_at,
        )
    )
    return key


async def find_key(conn: AsyncConnection, handle: str) -> Row | None:
    """Gives a key that counts, or None when it is unknown, revoked or expired, or its organisation is disabled.

    It has id, name, organisation_id and own_keys (both None for an operator's), handle, digest, scopes, school_units
    and version.
    """
    found = await conn.execute(
        sa.select(
            api_key.c.id,
            api_key.c.name,
            api_key.c.organisation_id,
            OWN_KEYS,
            api_key.c.handle,
            api_key.c.digest,
            api_key.c.scopes,
            api_key.c.school_units,
            sa.literal_column(KEY_VERSION).label("version"),
        )
        .join(organisation, isouter=True)
        .where(api_key.c.handle == handle, sa.text(KEY_COUNTS))
    )
    return found.mappings().one_or_none()


async def _check_not_erased(conn: AsyncConnection, number: str) -> None:
    erased = sa.select(organisation.c.erased_at).where(organisation.c.number == number)
    if await conn.scalar(erased) is not None:
        raise Conflict("This organisation has been erased: nothing of it opens any more.")


async def key_handles(conn: AsyncConnection) -> frozenset[str]:
    """Gives the handles of all keys that count."""
    found = await conn.execute(
        sa.select(api_key.c.handle).select_from(api_key.join(organisation, isouter=True)).where(sa.text(KEY_COUNTS))
    )
    return frozenset(found.scalars())


async def _change(conn: AsyncConnection, number: str, **values: Any) -> UUID:
    changed = sa.update(organisation).where(organisation.c.number == number).values(**values)
    organisation_id: UUID | None = await conn.scalar(changed.returning(organisation.c.id))
    if organisation_id is None:
        raise _unknown()
    return organisation_id


def _columns(files: CertificateFiles | None) -> dict[str, str | None]:
    return {"certificate_file": files and files.certificate, "key_file": files and files.key}


def _nothing_to_prove_it() -> Conflict:
    return Conflict("An entityId counts together with a certificate alone: name its file and its key's.")


def _unknown() -> NotFound:
    return NotFound("There is no such organisation.")
