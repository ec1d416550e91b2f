"""Sessions: who has signed in to the pages, with an API key or at an OpenID provider, and for how long that counts.

A session ends half an hour after somebody asked for a page last, eight hours after it began, when its holder signs out,
and with its key. What the browser holds is known here by its digest alone; whose session it is, when it began, and for
how long protected persons are shown in it, the browser's cookie says, which is sealed (`app.security.session_tokens`).
That its holder has signed out the row alone says.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.versions import KEY_COUNTS

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that counts: which key it is of, by the handle and the digest that the key is known by.

    Of somebody who has signed in at an `issuer` there is no such digest.
    """

    handle: str
    key_digest: bytes | None
    issuer: str | None = None


async def begin(
    conn: AsyncConnection, digest: bytes, organisation_id: UUID | None, api_key_id: UUID, *, instead_of: bytes | None
) -> bool:
    """Begins a session of a key; the one that the same browser had before ends. Tells whether the key still counts.

    Where it does not there is no session, and the caller undoes the transaction.
    """
    begun = await conn.execute(
        sa.text(
            """
            WITH ended AS (DELETE FROM session WHERE digest = :before)
            INSERT INTO session (digest, organisation_id, api_key_id)
            SELECT :digest, :organisation, api_key.id
            FROM api_key LEFT JOIN organisation ON organisation.id = api_key.organisation_id
            WHERE api_key.id = :key AND {key_counts}
            """.replace("{key_counts}", KEY_COUNTS)
        ),
        {"before": instead_of, "digest": digest, "organisation": organisation_id, "key": api_key_id},
    )
    return begun.rowcount == 1


async def find(conn: AsyncConnection, digest: bytes, api_key_id: UUID, *, by_hand: bool) -> Session | None:
    """Gives a session that counts and is of the key that its cookie names, or None.

    `by_hand` is whether somebody asks, and not a page by itself: that is noted once a minute at most, so that most
    pages write nothing.
    """
    # Of the key in a form that no index serves: one key may have thousands of sessions.
    found = await conn.execute(
        sa.text(
            """
            WITH found AS (
                SELECT session.digest, session.seen_at, api_key.handle, api_key.digest AS key_digest, api_key.issuer
                FROM session JOIN api_key ON api_key.id = session.api_key_id
                    LEFT JOIN organisation ON organisation.id = api_key.organisation_id
                WHERE session.digest = :digest AND (session.api_key_id = :key) IS TRUE AND {key_counts}
                    AND session.created_at > clock_timestamp() - CAST(:longest AS interval)
                    AND session.seen_at > clock_timestamp() - CAST(:idle AS interval)
            ), noted AS (
                UPDATE session SET seen_at = clock_timestamp() FROM found
                WHERE session.digest = found.digest AND :by_hand
                    AND found.seen_at < clock_timestamp() - interval '1 min'
            )
            SELECT handle, key_digest, issuer FROM found
            """.replace("{key_counts}", KEY_COUNTS)
        ),
        {"digest": digest, "key": api_key_id, "longest": LONGEST, "idle": IDLE, "by_hand": by_hand},
    )
    row = found.mappings().one_or_none()
    return None if row is None else Session(**row)


async def end(conn: AsyncConnection, digest: bytes) -> None:
    """Ends a session, if there is one."""
    await conn.execute(sa.text("DELETE FROM session WHERE digest = :digest"), {"digest": digest})


async def forget_ended_sessions(conn: AsyncConnection) -> None:
    """Deletes sessions that have not been used for so long that they are over, however they ended."""
    await conn.execute(
        sa.text(
            """
            DELETE FROM session WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM session WHERE seen_at < (SELECT clock_timestamp()) - CAST(:idle AS interval)
                ORDER BY seen_at LIMIT 500 FOR UPDATE SKIP LOCKED
            ))
            """
        ),
        {"idle": IDLE},
    )
