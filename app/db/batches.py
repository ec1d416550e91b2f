"""Batches on their way out: records are taken, batches written down before they leave.

Every function here writes under a claim, in the caller's transaction, and raises LeaseLost when it no longer holds.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, hold
from app.db.content import Content, keep_contents, open_all, sealed_content, sealed_contents
from app.db.faults import Unusable
from app.db.records import change_records
from app.db.verbs import call_verb, snapshot_of
from app.domain.batching import Packing, encode
from app.domain.latest_upload import Standing, standing
from app.domain.open_work import JobSnapshot
from app.domain.remarks import remark
from app.domain.roster import Skip, blocked
from app.domain.verdicts import RecordChange
from app.target import Published

_SLICE = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A batch that is about to leave: its bytes are those that were written down."""

    id: UUID
    body: bytes = field(repr=False)


async def open_job(conn: AsyncConnection, claim: Claim) -> JobSnapshot:
    """Looks anew at a job, as a claim does: closes what an earlier claim left called, ends what can't be sent.

    Of a cancelled run what has not left is discarded. Raises LeaseLost when the claim no longer holds.
    """
    return snapshot_of(await call_verb(conn, "open_job(:job, :claim)", keys(claim)))


async def write_batch(
    conn: AsyncConnection, cipher: OrganisationCipher, published: Published, claim: Claim
) -> Outgoing | None:
    """Takes pending records, as many as fit, and writes down the batch in which they will leave.

    Records that can't go are settled on the way: blocked by a failed one, too large, or accepted in a later upload.
    Those that another run's call has wait for its answer. Gives None when nothing is left to send, or when the run has
    been cancelled. Raises Unusable and KeyUnknown as `open_all` does.
    """
    await hold(conn, claim)
    if await _cancelled(conn, claim):
        return None
    packing, taken, aside = Packing(published.body_form), list[RecordChange](), list[RecordChange]()
    changed: list[Content] = []
    after, full = -1, False
    while not full and (rows := await _pending(conn, claim, after)):
        after = rows[-1].ordinal
        failed = await _failed_among(conn, claim, {ref for row in rows for ref in row.refs})
        digests = {row.object_id: bytes(row.outgoing) for row in rows}
        sealed = await sealed_contents(conn, cipher, digests.values())
        contents = open_all(cipher, ((each, digest, sealed.get(digest)) for each, digest in digests.items()))
        for row in rows:
            match standing(row.upload, row.accepted_upload, under_way=row.wait is not None):
                case Standing.NEWER_AT_TARGET:
                    newer = remark("newer_at_target", "warning")
                    aside.append(RecordChange(row.object_id, "unchanged", remarks=[newer]))
                    continue
                case Standing.WAIT:
                    aside.append(RecordChange(row.object_id, "pending", again_in=row.wait))
                    continue
                case Standing.SEND:
                    pass
            plain = contents[bytes(row.outgoing)]
            without: tuple[UUID, ...] = ()
            # Nothing is parsed but what refers to something that failed.
            if failed.intersection(row.refs):
                decision = blocked(claim.kind, json.loads(plain), failed)
                if isinstance(decision, Skip):
                    blocked_by = remark("blocked_by", "error", decision.ids)
                    aside.append(RecordChange(row.object_id, "skipped", remarks=[blocked_by]))
                    continue
                without = decision.without
                plain = encode(decision.item) if without else plain
            if not published.body_form.fits(plain):
                aside.append(RecordChange(row.object_id, "error", remarks=[remark("too_large")]))
            elif packing.take(plain, row.max_together):
                sent = sealed_content(cipher, claim.kind, row.object_id, plain) if without else None
                changed += [sent] if sent else []
                said = [remark("sent_without", "warning", without)] if without else []
                digest = sent.digest if sent else bytes(row.outgoing)
                taken.append(RecordChange(row.object_id, "sent", sent=digest, remarks=said))
            else:
                full = True
                break
    batch_id = uuid4()
    await keep_contents(conn, cipher, changed)
    await change_records(conn, claim, taken + aside, batch_id)
    if not taken:
        return None
    request = packing.body()
    await conn.execute(
        sa.text(
            """
            INSERT INTO batch (id, organisation_id, job_id, number, fence, record_ids, items, request_digest,
                request_bytes, request_sha256)
            SELECT :id, :organisation, :job, 1 + coalesce(max(number), 0), :claim, CAST(:records AS uuid[]),
                CAST(:items AS bytea[]), :digest, :bytes, :sha256
            FROM batch WHERE organisation_id = :organisation AND job_id = :job
            """
        ),
        {
            **keys(claim),
            "id": batch_id,
            "records": [change.object_id for change in taken],
            "items": [change.sent for change in taken],
            "digest": cipher.digest("batch", batch_id, request),
            "bytes": len(request),
            "sha256": cipher.seal(hashlib.sha256(request).digest(), batch_id.bytes),
        },
    )
    return Outgoing(batch_id, request)


async def call_batch(
    conn: AsyncConnection, cipher: OrganisationCipher, published: Published, claim: Claim, batch_id: UUID
) -> Outgoing | None:
    """Notes that a written batch leaves now, and gives its bytes.

    Gives None when it is not to leave: it has left, its run is cancelled, or one of its objects has been overtaken by
    another run, and then it is discarded. Raises Unusable when its bytes are not those that were written down, and as
    `open_all` does; KeyUnknown too.
    """
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
    if await call_verb(conn, "mark_called(:job, :claim, :batch)", {**keys(claim), "batch": batch_id}) != "called":
        return None
    stored = [(item.object_id, bytes(item.digest), item.sealed and bytes(item.sealed)) for item in items]
    contents = open_all(cipher, stored)
    outgoing = published.body_form.body([contents[digest] for _, digest, _ in stored])
    if not items or cipher.digest("batch", batch_id, outgoing) != bytes(items[0].request_digest):
        raise Unusable(f"batch {batch_id} would not leave as it was written down", batch=batch_id)
    return Outgoing(batch_id, outgoing)


async def expire(conn: AsyncConnection, claim: Claim, cause: str | None = None) -> None:
    """Ends what is still pending: faults have lasted for the whole horizon, `cause` the last of them."""
    await hold(conn, claim)
    await conn.execute(
        sa.text(
            """
            UPDATE record SET status = 'error', completed_at = clock_timestamp(), fence = :claim,
                remarks = coalesce(remarks, '[]') || CAST(:remarks AS jsonb)
            WHERE run_id = :run AND kind BETWEEN :kind AND :kind AND status = 'pending'
            """
        ),
        {**keys(claim), "remarks": json.dumps([remark("gave_up", cause=cause)])},
    )


async def unmark_called(conn: AsyncConnection, claim: Claim, batch_id: UUID) -> None:
    """Takes back the note that a batch leaves, when it is certain that it has not: it may leave later, as it stands."""
    await hold(conn, claim)
    await conn.execute(
        sa.text(
            "UPDATE batch SET status = 'written', called_at = NULL, fence = :claim"
            " WHERE id = :batch AND status = 'called'"
        ),
        {**keys(claim), "batch": batch_id},
    )


async def discard_unsent(conn: AsyncConnection, claim: Claim) -> None:
    """Drops batches that have not left: their records are as if they had never been taken."""
    await call_verb(conn, "discard_unsent(:job, :claim, NULL)", keys(claim))


async def _pending(conn: AsyncConnection, claim: Claim, after: int) -> Sequence[sa.Row[Any]]:
    rows = await conn.execute(
        sa.text(
            """
            WITH slice AS MATERIALIZED (
                SELECT object_id, ordinal, outgoing, upload, refs, max_together FROM record
                WHERE run_id = :run AND kind = :kind AND status = 'pending' AND sendable AND ordinal > :after
                    AND (due_at IS NULL OR due_at <= clock_timestamp())
                ORDER BY ordinal LIMIT :slice
            )
            SELECT slice.*, known.accepted_upload, elsewhere.wait
            FROM slice LEFT JOIN LATERAL (
                SELECT accepted_upload FROM object
                WHERE organisation_id = :organisation AND kind = :kind AND id = slice.object_id OFFSET 0
            ) known ON true LEFT JOIN under_way_elsewhere(
                :organisation, :kind, :job, ARRAY(SELECT object_id FROM slice)
            ) elsewhere ON elsewhere.object_id = slice.object_id
            ORDER BY slice.ordinal
            """
        ),
        {**keys(claim), "after": after, "slice": _SLICE},
    )
    return rows.all()


async def _failed_among(conn: AsyncConnection, claim: Claim, refs: set[UUID]) -> set[UUID]:
    before = [kind.value for kind in claim.kind.before]
    if not before or not refs:
        return set()
    rows = await conn.execute(
        sa.text(
            """
            SELECT one.object_id FROM job CROSS JOIN unnest(CAST(:refs AS uuid[])) AS ref CROSS JOIN LATERAL (
                SELECT object_id, status FROM record
                WHERE record.job_id = job.id AND record.object_id = ref OFFSET 0
            ) one
            WHERE job.run_id = :run AND job.kind = ANY (CAST(:before AS text[]))
                AND one.status IN ('error', 'skipped')
                -- what Skolverket holds from before blocks nobody
                AND (
                    SELECT held FROM at_target WHERE at_target.job_id = job.id AND at_target.object_id = one.object_id
                ) IS NOT TRUE
            """
        ),
        {"run": claim.run_id, "before": before, "refs": list(refs)},
    )
    return set(rows.scalars())


async def _cancelled(conn: AsyncConnection, claim: Claim) -> bool:
    return bool(
        await conn.scalar(
            sa.text("SELECT cancel_requested_at IS NOT NULL FROM run WHERE id = :run"), {"run": claim.run_id}
        )
    )


def keys(claim: Claim) -> Mapping[str, Any]:
    return {
        "organisation": claim.organisation_id,
        "job": claim.job_id,
        "claim": claim.number,
        "run": claim.run_id,
        "kind": claim.kind.value,
    }
