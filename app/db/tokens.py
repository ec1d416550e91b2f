"""Bearer tokens for Skolverket, encrypted, shared by all workers."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import Cipher

# A token that ends sooner is fetched anew: a step that starts with it must not outlive it.
_MARGIN = timedelta(minutes=1)


async def cached_token(conn: AsyncConnection, cipher: Cipher, organisation_id: UUID, environment: str) -> str | None:
    """Gives the organisation's token for an environment, if it is good for another minute."""
    sealed = await conn.scalar(
        sa.text(
            "SELECT token FROM access_token WHERE organisation_id = :organisation AND environment = :environment"
            " AND expires_at > clock_timestamp() + :margin"
        ),
        {"organisation": organisation_id, "environment": environment, "margin": _MARGIN},
    )
    return None if sealed is None else cipher.open(sealed, organisation_id, "token", organisation_id).decode("ascii")


async def keep_token(
    conn: AsyncConnection, cipher: Cipher, organisation_id: UUID, environment: str, token: str, expires_at: datetime
) -> None:
    """Stores a fresh token in place of an older one."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO access_token (organisation_id, environment, token, expires_at)
            VALUES (:organisation, :environment, :token, :expires_at)
            ON CONFLICT (organisation_id, environment)
            DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at
            """
        ),
        {
            "organisation": organisation_id,
            "environment": environment,
            "token": cipher.seal(token.encode("ascii"), organisation_id, "token", organisation_id),
            "expires_at": expires_at,
        },
    )


async def drop_token(conn: AsyncConnection, organisation_id: UUID, environment: str) -> None:
    """Forgets a token that Skolverket no longer takes."""
    await conn.execute(
        sa.text("DELETE FROM access_token WHERE organisation_id = :organisation AND environment = :environment"),
        {"organisation": organisation_id, "environment": environment},
    )
