"""Which records go into the next batch of a job, and what becomes of those that can't go. Nothing is written here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.claims import Claim
from app.db.content import Content, open_all, sealed_content
from app.domain.batching import Packing, encode
from app.domain.eppn_order import eppn_order
from app.domain.issues import Issue
from app.domain.latest_upload import Standing, standing
from app.domain.roster import Skip, blocked
from app.domain.verdicts import RecordChange
from app.target import Published

_SLICE = 500
# The least time until a batch has its answer: what waits for it is not looked at before.
_ROUND = timedelta(seconds=1)


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

    Those that can't go are put aside on the way: blocked by a failed one, too large, accepted in a later upload, or to
    stay here until somebody allows it. Those that another run's call has wait for its answer, those that take another
    person's EPPN for that one's. Raises Unusable and KeyUnknown as `open_all` does.
    """
    batch = NextBatch(Packing(published.body_form))
    after, full = -1, False
    while not full and (rows := await _pending(conn, claim, after)):
        after = rows[-1].ordinal
        beside = _beside(rows[0])
        stored = ((row.object_id, bytes(row.outgoing), row.sealed and bytes(row.sealed)) for row in rows)
        contents = open_all(cipher, stored)
        for row in rows:
            plain = contents[bytes(row.outgoing)]
            if not (_aside(batch, row, beside) or _take(batch, cipher, published, claim, row, plain, beside)):
                full = True
                break
        full = full or len(rows) < _SLICE
    return batch


@dataclass(frozen=True, slots=True)
class _Beside:
    """What other records mean for those of a slice.

    `failed` are those that some refer to. Of those that take another person's EPPN, `waits` has how long each waits for
    that one, and `swaps` whose EPPN is taken by those that go first in a circle.
    """

    failed: frozenset[UUID]
    waits: Mapping[UUID, timedelta]
    swaps: Mapping[UUID, UUID]


def _beside(first: sa.Row[Any]) -> _Beside:
    givers = {UUID(taker): (UUID(giver), timedelta(seconds=wait)) for taker, giver, wait in first.givers}
    order = eppn_order({taker: giver for taker, (giver, _) in givers.items()})
    return _Beside(
        failed=frozenset(first.failed),
        waits={taker: max(rounds * _ROUND, givers[taker][1]) for taker, rounds in order.waits.items()},
        swaps={taker: givers[taker][0] for taker in order.swapping},
    )


def _aside(batch: NextBatch, row: sa.Row[Any], beside: _Beside) -> bool:
    """Puts a record aside that is not to go, or not yet; tells whether it was."""
    match standing(row.upload, row.accepted_upload, under_way=row.wait is not None):
        case Standing.NEWER_AT_TARGET:
            newer = Issue("newer_at_target", "warning")
            batch.aside.append(RecordChange(row.object_id, "unchanged", issues=[newer]))
        case Standing.WAIT:
            batch.aside.append(RecordChange(row.object_id, "pending", again_in=row.wait))
        case Standing.SEND if row.weaker or row.reused:
            issues = [Issue("weaker_marking")] if row.weaker else []
            issues += [Issue("reused_id")] if row.reused else []
            batch.aside.append(RecordChange(row.object_id, "skipped", issues=issues))
        case Standing.SEND if row.object_id in beside.waits:
            batch.aside.append(RecordChange(row.object_id, "pending", again_in=beside.waits[row.object_id]))
        case Standing.SEND:
            return False
    return True


def _take(
    batch: NextBatch,
    cipher: OrganisationCipher,
    published: Published,
    claim: Claim,
    row: sa.Row[Any],
    plain: bytes,
    beside: _Beside,
) -> bool:
    """Takes a record into the batch, or puts it aside when it can't go; tells whether there was room for it."""
    without: tuple[UUID, ...] = ()
    # Nothing is parsed but what refers to something that failed.
    if beside.failed.intersection(row.refs):
        decision = blocked(claim.kind, json.loads(plain), beside.failed)
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
        if (other := beside.swaps.get(row.object_id)) is not None:
            said.append(Issue("eppn_swap", "warning", ids=(other,)))
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
                    SELECT object_id, status, issues FROM record
                    WHERE record.job_id = job.id AND record.object_id = ref.id OFFSET 0
                ) one
                WHERE job.run_id = :run AND job.kind = ANY (CAST(:before AS text[]))
                    AND keeps_others_back(one.status, one.issues)
                    -- what Skolverket holds from before blocks nobody
                    AND (
                        SELECT held FROM at_target
                        WHERE at_target.job_id = job.id AND at_target.object_id = one.object_id
                    ) IS NOT TRUE
            )
            SELECT slice.*, known.accepted_upload, elsewhere.wait, here.weaker, here.reused, kept.sealed,
                CASE WHEN row_number() OVER (ORDER BY slice.ordinal) = 1
                    THEN ARRAY(SELECT object_id FROM failed) END AS failed,
                CASE WHEN row_number() OVER (ORDER BY slice.ordinal) = 1 THEN (
                    SELECT coalesce(jsonb_agg(jsonb_build_array(taker, giver, extract(epoch FROM eppn.wait))), '[]')
                    FROM eppn_givers(:organisation, :job, (SELECT array_agg(object_id ORDER BY ordinal) FROM slice),
                        (SELECT array_agg(outgoing ORDER BY ordinal) FROM slice)) eppn
                    WHERE :kind = 'persons'
                ) END AS givers
            FROM slice LEFT JOIN LATERAL (
                SELECT accepted_upload FROM object
                WHERE organisation_id = :organisation AND kind = :kind AND id = slice.object_id OFFSET 0
            ) known ON true LEFT JOIN LATERAL (
                SELECT sealed FROM content
                WHERE organisation_id = :organisation AND digest = slice.outgoing OFFSET 0
            ) kept ON true LEFT JOIN under_way_elsewhere(
                :organisation, :kind, :job, ARRAY(SELECT object_id FROM slice)
            ) elsewhere ON elsewhere.object_id = slice.object_id LEFT JOIN kept_here(
                :organisation, :kind, :run, ARRAY(SELECT object_id FROM slice ORDER BY ordinal),
                ARRAY(SELECT outgoing FROM slice ORDER BY ordinal)
            ) here ON here.object_id = slice.object_id
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
