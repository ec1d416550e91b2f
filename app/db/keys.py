"""API keys as operators see them: listed, rotated, revoked, and when each was last used. Making and finding one is in
`tenants`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.schema import api_key, api_key_use, organisation
from app.db.tenants import Row, check_number, insert_key
from app.db.versions import KEY_COUNTS
from app.errors import Conflict, NotFound
from app.security.keys import NewKey

# A use is noted when the one before is so long ago: a key that is in use at every second costs a row each time.
_USE_EVERY = timedelta(minutes=5)

_LISTED = (
    sa.select(
        api_key.c.handle,
        organisation.c.number.label("organisation"),
        *(api_key.c[name] for name in ("name", "scopes", "school_units", "created_at", "expires_at", "revoked_at")),
        api_key.c.issuer,
        api_key_use.c.used_at,
        sa.type_coerce(sa.literal_column(f"({KEY_COUNTS})"), sa.Boolean).label("counts"),
    )
    .select_from(api_key.outerjoin(organisation).outerjoin(api_key_use))
    .order_by(organisation.c.number, api_key.c.created_at)
)


async def list_keys(conn: AsyncConnection, number: str | None = None) -> list[Row]:
    """Lists keys by organisation, the newest last: handle, organisation (its number, None for an operator's), name,
    scopes, school_units (None for all), created_at, expires_at, revoked_at, issuer (None but of somebody who signs in
    elsewhere), used_at, and whether it counts.

    Raises NotFound when there is no organisation with the number asked for.
    """
    await check_number(conn, number)
    listed = _LISTED if number is None else _LISTED.where(organisation.c.number == number)
    return list((await conn.execute(listed)).mappings())


async def read_key(conn: AsyncConnection, handle: str) -> Row:
    """Gives one key as they are listed. Raises NotFound."""
    found = (await conn.execute(_LISTED.where(api_key.c.handle == handle))).mappings().one_or_none()
    if found is None:
        raise _unknown()
    return found


async def rotate_key(conn: AsyncConnection, handle: str, overlap: timedelta, expires_at: datetime | None) -> NewKey:
    """Makes a key like another one that counts, which then expires after `overlap`, or before that as it would.

    Raises NotFound, and Conflict for a key that counts no more, or that expires when its successor would not.
    """
    found = await conn.execute(
        sa.select(api_key, sa.type_coerce(sa.literal_column(f"({KEY_COUNTS})"), sa.Boolean).label("counts"))
        .select_from(api_key.outerjoin(organisation))
        .where(api_key.c.handle == handle)
        .with_for_update(of=api_key)
    )
    old = found.mappings().one_or_none()
    if old is None:
        raise _unknown()
    if not old["counts"]:
        raise Conflict("This key counts no more: make a new one.")
    if old["subject"] is not None:
        raise Conflict("This is somebody who signs in elsewhere, and no key: there is nothing to rotate.")
    if old["expires_at"] is not None and expires_at is None:
        raise Conflict("This key expires, and so must the new one: say when with --expires.")
    ends = sa.func.least(api_key.c.expires_at, sa.func.clock_timestamp() + overlap)
    await conn.execute(sa.update(api_key).where(api_key.c.id == old["id"]).values(expires_at=ends))
    return await insert_key(conn, old["organisation_id"], old["name"], old["scopes"], expires_at, old["school_units"])


async def revoke_key(conn: AsyncConnection, handle: str) -> None:
    """Makes a key useless at once; revoking twice keeps the first time. Raises NotFound."""
    revoked = await conn.execute(
        sa.update(api_key)
        .where(api_key.c.handle == handle)
        .values(revoked_at=sa.func.coalesce(api_key.c.revoked_at, sa.func.clock_timestamp()))
    )
    if revoked.rowcount == 0:
        raise _unknown()


async def note_use(conn: AsyncConnection, key_ids: Collection[UUID]) -> None:
    """Notes that these keys have been used lately."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO api_key_use (key_id, used_at)
            SELECT id, clock_timestamp() FROM api_key WHERE id = ANY (:ids) ORDER BY id
            ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at
            WHERE api_key_use.used_at < excluded.used_at - :every
            """
        ).bindparams(sa.bindparam("every", type_=sa.Interval)),
        {"ids": list(key_ids), "every": _USE_EVERY},
    )


def _unknown() -> NotFound:
    return NotFound("There is no such key.")
