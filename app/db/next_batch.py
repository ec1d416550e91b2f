"""Which records go into the next batch of a job, and what becomes of those that can't go. Nothing is written here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.claims import Claim
from app.db.content import Content, open_all, sealed_content
from app.domain.batching import Packing, encode
from app.domain.issues import Issue
from app.domain.latest_upload import Standing, standing
from app.domain.roster import Skip, blocked
from app.domain.verdicts import RecordChange
from app.target import Published

_SLICE = 500


@dataclass(slots=True)
class NextBatch:
    """Records that are `taken` into a batch, those that are put `aside`, and the contents that are new."""

    packing: Packing
    taken: list[RecordChange] = field(default_factory=list)
    aside: list[RecordChange] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)

    @property
    def changes(self) -> Sequence[RecordChange]:
        """Gives what becomes of all of them."""
        return [*self.taken, *self.aside]

    @property
    def request(self) -> bytes:
        """Gives the bytes of the batch."""
        return self.packing.body()


async def next_batch(
    conn: AsyncConnection, cipher: OrganisationCipher, published: Published, claim: Claim
) -> NextBatch:
    """Reads pending records, as many as fit into a batch.

    Those that can't go are put aside on the way: blocked by a failed one, too large, or accepted in a later upload.
    Those that another run's call has wait for its answer. Raises Unusable and KeyUnknown as `open_all` does.
    """
    batch = NextBatch(Packing(published.body_form))
    after, full = -1, False
    while not full and (rows := await _pending(conn, claim, after)):
        after = rows[-1].ordinal
        failed = set(rows[0].failed)
        stored = ((row.object_id, bytes(row.outgoing), row.sealed and bytes(row.sealed)) for row in rows)
        contents = open_all(cipher, stored)
        for row in rows:
            if not _take(batch, cipher, published, claim, row, contents[bytes(row.outgoing)], failed):
                full = True
                break
        full = full or len(rows) < _SLICE
    return batch


def _take(
    batch: NextBatch,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    row: sa.Row[Any],
    plain: bytes,
    failed: set[UUID],
) -> bool:
    """Takes a record into the batch or puts it aside; tells whether there was room for it."""
    match standing(row.upload, row.accepted_upload, under_way=row.wait is not None):
        case Standing.NEWER_AT_TARGET:
            newer = Issue("newer_at_target", "warning")
            batch.aside.append(RecordChange(row.object_id, "unchanged", issues=[newer]))
            return True
        case Standing.WAIT:
            batch.aside.append(RecordChange(row.object_id, "pending", again_in=row.wait))
            return True
        case Standing.SEND:
            pass
    without: tuple[UUID, ...] = ()
    # Nothing is parsed but what refers to something that failed.
    if failed.intersection(row.refs):
        decision = blocked(claim.kind, json.loads(plain), failed)
        if isinstance(decision, Skip):
            blocked_by = Issue("blocked_by", ids=tuple(decision.ids))
            batch.aside.append(RecordChange(row.object_id, "skipped", issues=[blocked_by]))
            return True
        without = decision.without
        plain = encode(decision.item) if without else plain
    if not published.body_form.fits(plain):
        batch.aside.append(RecordChange(row.object_id, "error", issues=[Issue("too_large")]))
    elif batch.packing.take(plain, row.max_together):
        sent = sealed_content(cipher, claim.kind, row.object_id, plain) if without else None
        batch.contents += [sent] if sent else []
        said = [Issue("sent_without", "warning", ids=without)] if without else []
        digest = sent.digest if sent else bytes(row.outgoing)
        batch.taken.append(RecordChange(row.object_id, "sent", sent=digest, issues=said))
    else:
        return False
    return True


async def _pending(conn: AsyncConnection, claim: Claim, after: int) -> Sequence[sa.Row[Any]]:
    """Reads a slice of what is pending, in one round trip; its first row has those that failed of all it refers to."""
    rows = await conn.execute(
        sa.text(
            """
            WITH slice AS MATERIALIZED (
                SELECT object_id, ordinal, outgoing, upload, refs, max_together FROM record
                WHERE run_id = :run AND kind = :kind AND status = 'pending' AND sendable AND ordinal > :after
                    AND (due_at IS NULL OR due_at <= clock_timestamp())
                ORDER BY ordinal LIMIT :slice
            ), failed AS MATERIALIZED (
                SELECT one.object_id FROM job CROSS JOIN (SELECT DISTINCT unnest(refs) AS id FROM slice) ref
                CROSS JOIN LATERAL (
                    SELECT object_id, status FROM record
                    WHERE record.job_id = job.id AND record.object_id = ref.id OFFSET 0
                ) one
                WHERE job.run_id = :run AND job.kind = ANY (CAST(:before AS text[]))
                    AND one.status IN ('error', 'skipped')
                    -- what Skolverket holds from before blocks nobody
                    AND (
                        SELECT held FROM at_target
                        WHERE at_target.job_id = job.id AND at_target.object_id = one.object_id
                    ) IS NOT TRUE
            )
            SELECT slice.*, known.accepted_upload, elsewhere.wait, kept.sealed,
                CASE WHEN row_number() OVER (ORDER BY slice.ordinal) = 1
                    THEN ARRAY(SELECT object_id FROM failed) END AS failed
            FROM slice LEFT JOIN LATERAL (
                SELECT accepted_upload FROM object
                WHERE organisation_id = :organisation AND kind = :kind AND id = slice.object_id OFFSET 0
            ) known ON true LEFT JOIN LATERAL (
                SELECT sealed FROM content
                WHERE organisation_id = :organisation AND digest = slice.outgoing OFFSET 0
            ) kept ON true LEFT JOIN under_way_elsewhere(
                :organisation, :kind, :job, ARRAY(SELECT object_id FROM slice)
            ) elsewhere ON elsewhere.object_id = slice.object_id
            ORDER BY slice.ordinal
            """
        ),
        {
            "organisation": claim.organisation_id,
            "job": claim.job_id,
            "run": claim.run_id,
            "kind": claim.kind.value,
            "before": [kind.value for kind in claim.kind.before],
            "after": after,
            "slice": _SLICE,
        },
    )
    return rows.all()
