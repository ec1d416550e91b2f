"""Batches on their way out: written down before they leave, and noted when they do.

Every function here writes by one verb under a claim, and raises LeaseLost when it no longer holds.
"""

import hashlib
import json
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, keys, load_snapshot
from app.db.content import open_all
from app.db.faults import Unusable
from app.db.next_batch import next_batch
from app.db.records import changes_json
from app.db.verbs import call_verb, snapshot_of
from app.domain.issues import Issue, stored
from app.domain.open_work import JobSnapshot
from app.target import Published


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A batch that is about to leave: its bytes are those that were written down."""

    id: UUID
    body: bytes = field(repr=False)


async def open_job(conn: AsyncConnection, claim: Claim) -> JobSnapshot:
    """Looks anew at a job, as a claim does: closes what an earlier claim left called, ends what can't be sent.

    Of a cancelled run what has not left is discarded. Raises LeaseLost when the claim no longer holds.
    """
    return snapshot_of(await call_verb(conn, "open_job(:organisation, :job, :claim)", keys(claim)))


@dataclass(frozen=True, slots=True)
class Written:
    """What has been written down: a batch, or None when nothing is left to send; and what is open then."""

    batch: Outgoing | None
    work: JobSnapshot


async def write_batch(conn: AsyncConnection, cipher: OrganisationCipher, published: Published, claim: Claim) -> Written:
    """Takes pending records, as many as fit, and writes down the batch in which they will leave.

    Everything is read and put together before the job is held: meanwhile others write what they have. Of a cancelled
    run nothing is written. Raises Unusable and KeyUnknown as `open_all` does.
    """
    found = await next_batch(conn, cipher, published, claim)
    if not found.changes:
        return Written(None, await load_snapshot(conn, claim))
    batch_id, request = uuid4(), found.request
    written, work = await call_verb(
        conn,
        "write_batch(:organisation, :job, :claim, :batch, CAST(:changes AS jsonb), CAST(:digests AS bytea[]),"
        " CAST(:kinds AS text[]), CAST(:objects AS uuid[]), CAST(:sealed AS bytea[]), CAST(:records AS uuid[]),"
        " CAST(:items AS bytea[]), CAST(:digest AS bytea), CAST(:bytes AS integer), CAST(:sha256 AS bytea))",
        {
            **keys(claim),
            "batch": batch_id,
            "changes": changes_json(found.changes),
            "digests": [each.digest for each in found.contents],
            "kinds": [each.kind for each in found.contents],
            "objects": [each.object_id for each in found.contents],
            "sealed": [each.sealed for each in found.contents],
            "records": [change.object_id for change in found.taken],
            "items": [change.sent for change in found.taken],
            "digest": cipher.digest("batch", batch_id, request),
            "bytes": len(request),
            "sha256": cipher.seal(hashlib.sha256(request).digest(), batch_id.bytes),
        },
    )
    return Written(Outgoing(batch_id, request) if written else None, snapshot_of(work))


async def call_batch(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    batch_id: UUID,
    kept: Outgoing | None = None,
) -> Outgoing | None:
    """Notes that a written batch leaves now, and gives its bytes, which have been put together before.

    `kept` is the batch as whoever wrote it down has it still; without it the bytes are read and put together anew.

    Gives None when it is not to leave: it has left, its run is cancelled, or one of its objects has been overtaken by
    another run, and then it is discarded. Raises Unusable when its bytes are not those that were written down, and as
    `open_all` does; KeyUnknown too.
    """
    body = kept.body if kept else await _body(conn, cipher, published, batch_id)
    values = {**keys(claim), "batch": batch_id}
    if await call_verb(conn, "mark_called(:organisation, :job, :claim, :batch)", values) != "called":
        return None
    if body is None:
        raise Unusable(f"batch {batch_id} has been written while it was called", batch=batch_id)
    return Outgoing(batch_id, body)


async def _body(
    conn: AsyncConnection, cipher: OrganisationCipher, published: Published, batch_id: UUID
) -> bytes | None:
    """Puts the bytes of a batch together, None when it waits for no call, and holds them against what was written."""
    rows = await conn.execute(
        sa.text(
            """
            SELECT batch.request_digest, item.object_id, item.digest, kept.sealed
            FROM batch CROSS JOIN unnest(record_ids, items) WITH ORDINALITY AS item (object_id, digest, place)
            LEFT JOIN LATERAL (
                SELECT sealed FROM content
                WHERE content.organisation_id = batch.organisation_id AND content.digest = item.digest OFFSET 0
            ) kept ON true
            WHERE batch.id = :batch AND batch.status = 'written' ORDER BY item.place
            """
        ),
        {"batch": batch_id},
    )
    items = rows.all()
    if not items:
        return None
    stored = [(item.object_id, bytes(item.digest), item.sealed and bytes(item.sealed)) for item in items]
    contents = open_all(cipher, stored)
    body = published.body_form.body([contents[digest] for _, digest, _ in stored])
    if cipher.digest("batch", batch_id, body) != bytes(items[0].request_digest):
        raise Unusable(f"batch {batch_id} would not leave as it was written down", batch=batch_id)
    return body


async def expire(conn: AsyncConnection, claim: Claim, cause: str | None = None) -> JobSnapshot:
    """Ends what is still pending: faults have lasted for the whole horizon, `cause` the last of them."""
    values = {**keys(claim), "issues": json.dumps(stored([Issue("gave_up", cause=cause)]))}
    return snapshot_of(await call_verb(conn, "expire(:organisation, :job, :claim, CAST(:issues AS jsonb))", values))


async def unmark_called(conn: AsyncConnection, claim: Claim, batch_id: UUID) -> JobSnapshot:
    """Takes back the note that a batch leaves, when it is certain that it has not: it may leave later, as it stands."""
    return snapshot_of(
        await call_verb(conn, "unmark_called(:organisation, :job, :claim, :batch)", {**keys(claim), "batch": batch_id})
    )


async def discard_unsent(conn: AsyncConnection, claim: Claim) -> None:
    """Drops batches that have not left: their records are as if they had never been taken."""
    await call_verb(conn, "discard_unsent(:organisation, :job, :claim, NULL)", keys(claim))
