"""Bearer tokens for Skolverket, encrypted, shared by all workers: one fetches, the others wait for what comes of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher

# A token that ends sooner is fetched anew: a step that starts with it must not outlive it.
_MARGIN = timedelta(minutes=1)
# A new token that is refused too is no matter of tokens: it is not renewed again so soon.
_RENEWED_AT_MOST_EVERY = timedelta(minutes=1)


# What binds a sealed token to its place.
_PLACE = b"token"


@dataclass(frozen=True, slots=True)
class Kept:
    """A token that is good for another minute; `version` tells it from those before and after it."""

    value: str = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """It is for the one who asked to fetch a token, and to say what came of it: `keep_token` or `fetch_failed`."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody else is fetching one: ask again soon, with the same `since`."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """Whoever fetched meanwhile got none, for this reason."""

    code: str


async def kept_token(
    conn: AsyncConnection, cipher: OrganisationCipher, organisation_id: UUID, environment: str
) -> Kept | None:
    """Gives the organisation's token for an environment, if it is good for another minute."""
    row = (
        await conn.execute(
            sa.text(
                "SELECT token, version FROM access_token WHERE organisation_id = :organisation"
                " AND environment = :environment AND expires_at > clock_timestamp() + :margin"
            ),
            {"organisation": organisation_id, "environment": environment, "margin": _MARGIN},
        )
    ).one_or_none()
    return None if row is None else Kept(_open(cipher, row.token), row.version)


async def ask_for_token(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    organisation_id: UUID,
    environment: str,
    timeout: timedelta,
    since: datetime | None = None,
) -> Kept | Fetch | Wait | Failed:
    """Gives the token, or whose turn it is to fetch one; a fetcher that says nothing for `timeout` loses its turn."""
    keys = {"organisation": organisation_id, "environment": environment}
    await conn.execute(
        sa.text(
            "INSERT INTO access_token (organisation_id, environment) VALUES (:organisation, :environment)"
            " ON CONFLICT DO NOTHING"
        ),
        keys,
    )
    row = (
        await conn.execute(
            sa.text(
                """
                SELECT token, version, failure, clock_timestamp() AS now,
                    coalesce(expires_at > clock_timestamp() + :margin, false) AS good,
                    coalesce(fetching_until > clock_timestamp(), false) AS fetching,
                    coalesce(failed_at >= :since, false) AS failed
                FROM access_token WHERE organisation_id = :organisation AND environment = :environment FOR UPDATE
                """
            ).bindparams(sa.bindparam("since", type_=sa.DateTime(timezone=True))),
            {**keys, "margin": _MARGIN, "since": since},
        )
    ).one()
    if row.good:
        return Kept(_open(cipher, row.token), row.version)
    if row.fetching:
        return Wait(since or row.now)
    if row.failed:
        return Failed(row.failure)
    await _change(conn, keys, "fetching_until = clock_timestamp() + :timeout", timeout=timeout)
    return Fetch()


async def keep_token(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    organisation_id: UUID,
    environment: str,
    token: str,
    expires_at: datetime,
) -> Kept:
    """Stores a fresh token in place of an older one, for everybody who waits for it."""
    version = await conn.scalar(
        sa.text(
            """
            INSERT INTO access_token AS kept (organisation_id, environment, token, expires_at, version)
            VALUES (:organisation, :environment, :token, :expires_at, 1)
            ON CONFLICT (organisation_id, environment) DO UPDATE SET token = excluded.token,
                expires_at = excluded.expires_at, version = kept.version + 1, fetching_until = NULL, failed_at = NULL,
                failure = NULL
            RETURNING version
            """
        ),
        {
            "organisation": organisation_id,
            "environment": environment,
            "token": cipher.seal(token.encode("ascii"), _PLACE),
            "expires_at": expires_at,
        },
    )
    assert version is not None  # noqa: S101 - the statement always returns a row
    return Kept(token, version)


async def fetch_failed(conn: AsyncConnection, organisation_id: UUID, environment: str, code: str) -> None:
    """Notes why no token was got, for those who waited for it; whoever asks from now on may try again."""
    await _change(
        conn,
        {"organisation": organisation_id, "environment": environment},
        "fetching_until = NULL, failed_at = clock_timestamp(), failure = :code",
        code=code,
    )


async def renew_token(conn: AsyncConnection, organisation_id: UUID, environment: str, version: int) -> bool:
    """Forgets a token that Skolverket refused, unless somebody else has done so, or there is a new one.

    Tells whether to ask for another one. False when the last renewal was a moment ago: then a new token does not help.
    """
    keys = {"organisation": organisation_id, "environment": environment}
    row = (
        await conn.execute(
            sa.text(
                """
                SELECT version, token IS NULL AS gone,
                    coalesce(renewed_at > clock_timestamp() - :pause, false) AS just_renewed
                FROM access_token WHERE organisation_id = :organisation AND environment = :environment FOR UPDATE
                """
            ),
            {**keys, "pause": _RENEWED_AT_MOST_EVERY},
        )
    ).one_or_none()
    if row is None or row.version != version or row.gone:
        return True
    if row.just_renewed:
        return False
    await _change(conn, keys, "token = NULL, expires_at = NULL, renewed_at = clock_timestamp()")
    return True


async def _change(conn: AsyncConnection, keys: dict[str, Any], change: str, **values: Any) -> None:
    await conn.execute(
        sa.text(
            f"UPDATE access_token SET {change} WHERE organisation_id = :organisation AND environment = :environment"  # noqa: S608 - our own words
        ),
        {**keys, **values},
    )


def _open(cipher: OrganisationCipher, sealed: bytes) -> str:
    return cipher.open(sealed, _PLACE).decode("ascii")
