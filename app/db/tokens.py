"""Bearer tokens for the target, sealed: the holder of an egress keeps them in memory, and here for its successor."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import Cipher, KeyUnknown, OrganisationCipher

# What binds a sealed token to its place.
PLACE = b"token"


def of_organisation(keys: Cipher, organisation_id: UUID) -> OrganisationCipher:
    """Gives the keys of an organisation's tokens: a token ends within hours, and its row with the organisation."""
    return keys.of(organisation_id, organisation_id.bytes)


async def kept_token(
    conn: AsyncConnection, keys: Cipher, organisation_id: UUID, environment: str
) -> tuple[str, float] | None:
    """Gives the organisation's token for an environment and the seconds until its end; None when there is none.

    One that does not open is none: the next one is sealed with a key of ours.
    """
    row = (
        await conn.execute(
            sa.text(
                "SELECT token, extract(epoch FROM expires_at - clock_timestamp()) AS good_for FROM access_token"
                " WHERE organisation_id = :organisation AND environment = :environment AND token IS NOT NULL"
            ),
            {"organisation": organisation_id, "environment": environment},
        )
    ).one_or_none()
    if row is None:
        return None
    try:
        return of_organisation(keys, organisation_id).open(row.token, PLACE).decode("ascii"), float(row.good_for)
    except (InvalidTag, KeyUnknown):
        return None


async def keep_token(
    conn: AsyncConnection,
    keys: Cipher | None,
    organisation_id: UUID,
    environment: str,
    token: str,
    expires_at: datetime,
) -> float:
    """Stores a fresh token in place of an older one, without `keys` no more than that there is one again.

    Gives the seconds until its end.
    """
    good_for = await conn.scalar(
        sa.text(
            """
            INSERT INTO access_token (organisation_id, environment, token, expires_at)
            VALUES (:organisation, :environment, CAST(:token AS bytea),
                CASE WHEN CAST(:token AS bytea) IS NOT NULL THEN CAST(:expires_at AS timestamptz) END)
            ON CONFLICT (organisation_id, environment) DO UPDATE SET token = excluded.token,
                expires_at = excluded.expires_at, failed_at = NULL, failure = NULL
            RETURNING extract(epoch FROM CAST(:expires_at AS timestamptz) - clock_timestamp())
            """
        ),
        {
            "organisation": organisation_id,
            "environment": environment,
            "token": keys and of_organisation(keys, organisation_id).seal(token.encode("ascii"), PLACE),
            "expires_at": expires_at,
        },
    )
    assert good_for is not None  # noqa: S101 - the statement always returns a row
    return float(good_for)


async def note_failure(conn: AsyncConnection, organisation_id: UUID, environment: str, code: str) -> None:
    """Notes why no token was got, for operators."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO access_token (organisation_id, environment, failed_at, failure)
            VALUES (:organisation, :environment, clock_timestamp(), :code)
            ON CONFLICT (organisation_id, environment) DO UPDATE SET failed_at = excluded.failed_at,
                failure = excluded.failure
            """
        ),
        {"organisation": organisation_id, "environment": environment, "code": code},
    )
