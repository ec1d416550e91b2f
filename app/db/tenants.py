"""Organisations and their API keys: made and revoked on the command line, looked up by every request."""

from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import api_key, organisation
from app.errors import Conflict, NotFound
from app.security.keys import NewKey, new_key

Row = sa.RowMapping


async def create_organisation(conn: AsyncConnection, number: str, name: str) -> UUID:
    """Registers a school organiser by its ten-digit organisation number; raises Conflict when it is there already."""
    made = insert(organisation).values(id=uuid4(), number=number, name=name)
    organisation_id: UUID | None = await conn.scalar(made.on_conflict_do_nothing().returning(organisation.c.id))
    if organisation_id is None:
        raise Conflict("an organisation with this number exists already")
    return organisation_id


async def organisations(conn: AsyncConnection) -> list[Row]:
    """Lists all organisations by number: id, number, name, created_at."""
    return list((await conn.execute(sa.select(organisation).order_by(organisation.c.number))).mappings())


async def create_key(conn: AsyncConnection, number: str, name: str, scopes: tuple[str, ...]) -> NewKey:
    """Makes a key for an organisation; its text is in the answer and nowhere else. Raises NotFound."""
    organisation_id = await conn.scalar(sa.select(organisation.c.id).where(organisation.c.number == number))
    if organisation_id is None:
        raise NotFound("there is no organisation with this number")
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
    """Gives a key that counts (id, name, organisation_id, digest, scopes), or None when unknown or revoked."""
    found = await conn.execute(
        sa.select(api_key.c.id, api_key.c.name, api_key.c.organisation_id, api_key.c.digest, api_key.c.scopes).where(
            api_key.c.handle == handle, api_key.c.revoked_at.is_(None)
        )
    )
    return found.mappings().one_or_none()
