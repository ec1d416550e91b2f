"""Answers that are kept for a day under the key that a caller gave, in the transaction of what they answer.

A caller's key belongs to the API key that used it: another one's is another key, whatever it says.
"""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.schema import idempotency_key
from app.errors import IdempotencyKeyInUse, IdempotencyKeyReused

_KEPT = sa.text("(SELECT clock_timestamp() - interval '24 hours')")
_TABLE = idempotency_key.c
# Of two integers: Postgres keeps these apart from the locks of one, which all others are.
_ALONE = sa.text("SELECT pg_try_advisory_xact_lock(CAST(:high AS integer), CAST(:low AS integer))")
_HALVES = struct.Struct(">ii")


@dataclass(frozen=True, slots=True)
class Used:
    """An Idempotency-Key as an API key has used it for a request, of which both are known by their digests."""

    api_key_id: UUID
    digest: bytes = field(repr=False)
    request: bytes = field(repr=False)

    @classmethod
    def of(cls, cipher: OrganisationCipher, api_key_id: UUID, key: str, *request: Any) -> "Used":
        """Makes it of a `key` that came with a `request`, given by what tells it from others, whatever its spaces."""
        told = hashlib.sha256(json.dumps(request, default=str).encode()).digest()
        return cls(api_key_id, cipher.digest("idempotency_key", api_key_id, key.encode()), told)

    @property
    def lock(self) -> tuple[int, int]:
        """Gives the lock that who uses it holds: 64 bits of its digest, which only the organisation's key gives."""
        high, low = _HALVES.unpack(self.digest[: _HALVES.size])
        return high, low


@dataclass(frozen=True, slots=True)
class Stored:
    """What was answered: the run as it was then, to the letter."""

    run_id: UUID
    body: str


async def find(conn: AsyncConnection, cipher: OrganisationCipher, used: Used) -> Stored | None:
    """Gives what was answered before; with None it is the caller's turn, and nobody else's until the commit.

    Raises IdempotencyKeyInUse while another request with the key is under way, and IdempotencyKeyReused when it was
    used for another request.
    """
    alone = await conn.scalar(_ALONE, dict(zip(("high", "low"), used.lock, strict=True)))
    if not alone:
        raise IdempotencyKeyInUse("A request with this Idempotency-Key is under way: ask again in a moment.")
    found = await conn.execute(
        sa.select(_TABLE.request_digest, _TABLE.run_id, _TABLE.body_sealed).where(
            _TABLE.organisation_id == cipher.organisation_id,
            _TABLE.api_key_id == used.api_key_id,
            _TABLE.digest == used.digest,
            _TABLE.created_at > _KEPT,
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    if bytes(row.request_digest) != used.request:
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request.")
    return Stored(row.run_id, cipher.open(bytes(row.body_sealed), used.digest).decode())


async def keep(conn: AsyncConnection, cipher: OrganisationCipher, used: Used, answer: Stored) -> None:
    """Keeps an answer sealed, in place of one that is too old: it has what callers have named things."""
    await conn.execute(
        sa.delete(idempotency_key).where(_TABLE.api_key_id == used.api_key_id, _TABLE.digest == used.digest)
    )
    await conn.execute(
        sa.insert(idempotency_key).values(
            organisation_id=cipher.organisation_id,
            api_key_id=used.api_key_id,
            digest=used.digest,
            request_digest=used.request,
            run_id=answer.run_id,
            body_sealed=cipher.seal(answer.body.encode(), used.digest),
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
