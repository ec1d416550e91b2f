"""Answers that are kept for a day under the key that a caller gave, in the transaction of what they answer."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.schema import idempotency_key
from app.errors import Conflict, Refused

_KEPT = sa.text("(SELECT clock_timestamp() - interval '24 hours')")


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer: status, headers, and the body to the letter."""

    status: int
    headers: dict[str, str]
    body: str


def digest_of(*request: Any) -> bytes:
    """Gives what tells one request from another, whatever white space it was written with."""
    return hashlib.sha256(json.dumps(request, default=str).encode()).digest()


async def find(conn: AsyncConnection, organisation_id: UUID, key: str, digest: bytes) -> Stored | None:
    """Gives the answer that the key has had; with None it is the caller's turn, and nobody else's until the commit.

    Raises Conflict while another request with the key is under way, Refused when the key was used for another request.
    """
    alone = await conn.scalar(
        sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{organisation_id} {key}"}
    )
    if not alone:
        raise Conflict("A request with this Idempotency-Key is under way: ask again when it has been answered.")
    found = await conn.execute(
        sa.select(idempotency_key).where(
            idempotency_key.c.organisation_id == organisation_id,
            idempotency_key.c.key == key,
            idempotency_key.c.created_at > _KEPT,
        )
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    if row["request_digest"] != digest:
        raise Refused("This Idempotency-Key was used for another request.")
    return Stored(row["status"], row["headers"], row["body"])


async def keep(conn: AsyncConnection, organisation_id: UUID, key: str, digest: bytes, answer: Stored) -> None:
    """Keeps an answer, in place of one that is too old."""
    table = idempotency_key
    await conn.execute(sa.delete(table).where(table.c.organisation_id == organisation_id, table.c.key == key))
    await conn.execute(
        sa.insert(table).values(
            organisation_id=organisation_id,
            key=key,
            request_digest=digest,
            status=answer.status,
            headers=answer.headers,
            # As one JSON string: jsonb would put an object's fields into another order.
            body=answer.body,
        )
    )


async def forget_old_keys(conn: AsyncConnection) -> None:
    """Deletes keys that are older than the 24 hours for which they are kept."""
    await conn.execute(
        sa.text(
            """
            DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM idempotency_key
                WHERE created_at < (SELECT clock_timestamp() - interval '24 hours')
                ORDER BY created_at LIMIT 500 FOR UPDATE SKIP LOCKED
            ))
            """
        )
    )
