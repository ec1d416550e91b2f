"""Chains rows of the audit that have no link yet, some at a time; finds who is in them, and counts what keys have read.

One process does it at a time: whoever has the row of the chain's key in hand. A row that was committed late is chained
when it is seen, once: what has no link stands in a table of its own.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import SALT_BYTES, Cipher
from app.db.schema import audit
from app.domain.audit import BEGINNING, DIGEST_BYTES, LINK_BYTES, AuditRow, Place, link

# Whose keys seal the chain's: nobody's of those whose data it is.
SERVICE: Final = UUID(int=0)
CHAIN_KEY_PLACE: Final = b"audit chain"
CHECKPOINT_ROWS, CHECKPOINT_TIME = 10_000, timedelta(hours=1)

_MOST_ROWS, _MOST_OBJECTS = 500, 20_000

_COLUMNS = ", ".join(f"audit.{column.name}" for column in audit.c)
_UNCHAINED = sa.text(f"""
    SELECT {_COLUMNS} FROM audit_unchained JOIN audit ON audit.id = audit_unchained.audit_id
    ORDER BY audit_unchained.at, audit_unchained.audit_id LIMIT :most
""")  # noqa: S608 - our own text
_KEY = sa.text("SELECT salt, key_sealed FROM audit_key WHERE owner = :owner FOR UPDATE")
_NEW_KEY = sa.text(
    "INSERT INTO audit_key (owner, salt, key_sealed) VALUES (:owner, :salt, :key) ON CONFLICT DO NOTHING"
)
_BEGUN = sa.text("SELECT EXISTS (SELECT FROM audit_link) OR EXISTS (SELECT FROM audit_checkpoint)")
_HEAD = sa.text("""
    SELECT seq, digest FROM (
        (SELECT seq, digest FROM audit_link ORDER BY seq DESC LIMIT 1)
        UNION ALL (SELECT seq, digest FROM audit_checkpoint ORDER BY seq DESC LIMIT 1)
    ) one ORDER BY seq DESC LIMIT 1
""")
_LINK = sa.text("""
    WITH linked AS (
        INSERT INTO audit_link (seq, audit_id, digest)
        SELECT * FROM unnest(CAST(:seqs AS bigint[]), CAST(:ids AS uuid[]), CAST(:digests AS bytea[]))
    )
    DELETE FROM audit_unchained WHERE audit_id = ANY (CAST(:ids AS uuid[]))
""")
_FIND = sa.text(f"""
    INSERT INTO audit_object (organisation_id, digest, at, audit_id)
    SELECT audit.organisation_id, substr(audit.objects, each.place * {DIGEST_BYTES} + 1, {DIGEST_BYTES}), audit.at,
        audit.id
    FROM audit CROSS JOIN LATERAL generate_series(0, octet_length(audit.objects) / {DIGEST_BYTES} - 1) AS each (place)
    WHERE audit.id = ANY (CAST(:ids AS uuid[])) AND audit.organisation_id IS NOT NULL
    ON CONFLICT DO NOTHING
""")  # noqa: S608 - our own text
_COUNT = sa.text(f"""
    INSERT INTO audit_reading (organisation_id, key_id, day, answers, objects, protected)
    SELECT organisation_id, actor_id, CAST(at AT TIME ZONE 'UTC' AS date), count(*),
        sum(octet_length(objects) / {DIGEST_BYTES}), sum(protected)
    FROM audit
    WHERE id = ANY (CAST(:ids AS uuid[])) AND organisation_id IS NOT NULL AND actor_kind = 'key'
        AND action LIKE 'read_%'
    GROUP BY 1, 2, 3 ORDER BY 2, 3
    ON CONFLICT (organisation_id, key_id, day) DO UPDATE SET answers = audit_reading.answers + excluded.answers,
        objects = audit_reading.objects + excluded.objects, protected = audit_reading.protected + excluded.protected
""")  # noqa: S608 - our own text
_CHECKPOINT = sa.text("""
    INSERT INTO audit_checkpoint (seq, digest, at)
    SELECT :seq, :digest, greatest(max(audit.at), (SELECT max(at) FROM audit_checkpoint))
    FROM audit_link JOIN audit ON audit.id = audit_link.audit_id
    WHERE audit_link.seq > coalesce((SELECT max(seq) FROM audit_checkpoint), 0) AND audit_link.seq <= :seq
    RETURNING at
""")
# What was usual a year ago says nothing of today.
_FORGET_READING = sa.text("DELETE FROM audit_reading WHERE day < CAST(clock_timestamp() AS date) - 366")
_LAST_CHECKPOINT = sa.text("""
    SELECT coalesce(max(seq), 0) AS seq, coalesce(bool_or(recent), false) AS recent FROM (
        SELECT seq, made_at > clock_timestamp() - CAST(:time AS interval) AS recent FROM audit_checkpoint
        ORDER BY seq DESC LIMIT 1
    ) one
""")


class ChainKeyLost(Exception):
    """There is a chain, and not the key that it is made with: nothing more is chained, for nothing would hold it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place up to which no row is newer than `at`."""

    place: Place
    at: datetime


@dataclass(frozen=True, slots=True)
class Chained:
    """How many rows have been chained, and the checkpoint that was made behind them, if it was time for one."""

    rows: int
    checkpoint: Checkpoint | None = None


async def chain_some(conn: AsyncConnection, cipher: Cipher, most: int = _MOST_ROWS) -> Chained:
    """Chains at most so many rows, the oldest first, in the connection's transaction; raises ChainKeyLost."""
    key = await chain_key(conn, cipher)
    found = (await conn.execute(_UNCHAINED, {"most": most})).mappings().all()
    rows = _first_of([row_of(each) for each in found])
    place = await head(conn)
    if rows:
        seqs, digests = list[int](), list[bytes]()
        for row in rows:
            place = Place(place.seq + 1, link(key, place.digest, place.seq + 1, row))
            seqs.append(place.seq)
            digests.append(place.digest)
        ids = [row.id for row in rows]
        await conn.execute(_LINK, {"seqs": seqs, "ids": ids, "digests": digests})
        await conn.execute(_FIND, {"ids": ids})
        await conn.execute(_COUNT, {"ids": ids})
    return Chained(len(rows), await _checkpoint(conn, place))


async def head(conn: AsyncConnection) -> Place:
    """Gives the last link, or what the first one follows."""
    row = (await conn.execute(_HEAD)).one_or_none()
    return Place(0, BEGINNING) if row is None else Place(row.seq, bytes(row.digest))


async def chain_key(conn: AsyncConnection, cipher: Cipher) -> bytes:
    """Gives what links are made with, which is made when there is no chain yet; nobody else has it until the commit.

    Raises ChainKeyLost.
    """
    row = (await conn.execute(_KEY, {"owner": SERVICE})).one_or_none()
    if row is None:
        if await conn.scalar(_BEGUN):
            raise ChainKeyLost
        salt = os.urandom(SALT_BYTES)
        sealed = cipher.of(SERVICE, salt).seal(os.urandom(LINK_BYTES), CHAIN_KEY_PLACE)
        await conn.execute(_NEW_KEY, {"owner": SERVICE, "salt": salt, "key": sealed})
        row = (await conn.execute(_KEY, {"owner": SERVICE})).one()
    return cipher.of(SERVICE, bytes(row.salt)).open(bytes(row.key_sealed), CHAIN_KEY_PLACE)


def row_of(found: Any) -> AuditRow:
    """Makes a row of what was read of all of its columns."""
    return AuditRow(**{**found, "objects": bytes(found["objects"])})


def _first_of(rows: Sequence[AuditRow]) -> Sequence[AuditRow]:
    """Gives the first of the rows, until they have as many objects as are found at once."""
    objects = 0
    for number, row in enumerate(rows):
        objects += len(row.objects) // DIGEST_BYTES
        if objects > _MOST_OBJECTS and number:
            return rows[:number]
    return rows


async def _checkpoint(conn: AsyncConnection, place: Place) -> Checkpoint | None:
    """Makes a checkpoint where it is time for one."""
    last = (await conn.execute(_LAST_CHECKPOINT, {"time": CHECKPOINT_TIME})).one()
    new = place.seq - last.seq
    if new <= 0 or (new < CHECKPOINT_ROWS and last.recent):
        return None
    at = await conn.scalar(_CHECKPOINT, {"seq": place.seq, "digest": place.digest})
    assert at is not None  # noqa: S101 - there are rows since the last one
    await conn.execute(_FORGET_READING)
    return Checkpoint(place, at)
