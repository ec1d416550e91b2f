"""Batches and what becomes of their records: written before they leave, followed to their answer, never forgotten.

Every function here writes under a claim, in the caller's transaction, and raises LeaseLost when it no longer holds.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import Cipher
from app.db.claims import Claim, hold
from app.db.records import Change, change_records
from app.domain import ss12000
from app.domain.batching import Packing, encode, halved, too_large
from app.domain.remarks import remark
from app.domain.retry import given_up
from app.domain.roster import Skip, blocked

_SLICE = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A batch that is about to leave: its bytes are those that were written down."""

    id: UUID
    body: bytes


@dataclass(frozen=True, slots=True)
class Awaited:
    """A batch that Skolverket has taken; those of its records that wait, with how long each has met only faults."""

    remote_job_id: str
    polls: int
    age: timedelta
    record_ids: Set[UUID]
    waiting: Mapping[UUID, timedelta]


async def refuse_broken(conn: AsyncConnection, claim: Claim) -> None:
    """Ends the records that break the published schema: one of them could sink its whole batch."""
    await hold(conn, claim)
    await conn.execute(
        sa.text(
            """
            UPDATE record SET status = 'error', completed_at = clock_timestamp(), fence = :claim
            WHERE organisation_id = :organisation AND job_id = :job AND status = 'pending' AND NOT sendable
            """
        ),
        _keys(claim),
    )


async def write_batch(
    conn: AsyncConnection, cipher: Cipher, claim: Claim, horizon: timedelta | None
) -> Outgoing | None:
    """Takes pending records, as many as fit, and writes down the batch in which they will leave.

    Records that can't go are settled on the way: blocked by a failed one, too large, or faulty for longer than the
    horizon, if there is one. Gives None when nothing is left to send, or when the run has been cancelled.
    """
    await hold(conn, claim)
    if await _cancelled(conn, claim):
        return None
    packing, taken, aside = Packing(), list[Change](), list[Change]()
    after, full = -1, False
    while not full and (rows := await _pending(conn, claim, after)):
        after = rows[-1].ordinal
        failed = await _failed_among(conn, claim, {ref for row in rows for ref in row.refs})
        for row in rows:
            if horizon is not None and given_up(row.fault_since, row.now, horizon):
                aside.append(Change(row.object_id, "error", remarks=[remark("gave_up")]))
                continue
            item = json.loads(cipher.open(row.payload, claim.organisation_id, claim.stage, row.object_id))
            decision = blocked(claim.stage, ss12000.sendable(item), failed)
            if isinstance(decision, Skip):
                aside.append(Change(row.object_id, "skipped", remarks=[remark("blocked_by", "error", decision.ids)]))
                continue
            encoded = encode(decision.item)
            if too_large(encoded):
                aside.append(Change(row.object_id, "error", remarks=[remark("too_large")]))
            elif packing.take(encoded, row.max_together):
                sealed = cipher.seal(encoded, claim.organisation_id, claim.stage, row.object_id, "sent")
                said = [remark("sent_without", "warning", decision.without)] if decision.without else []
                taken.append(Change(row.object_id, "sent", sent=sealed, remarks=said))
            else:
                full = True
                break
    batch_id = uuid4()
    await change_records(conn, claim, taken + aside, batch_id)
    if not taken:
        return None
    body = packing.body()
    await conn.execute(
        sa.text(
            """
            INSERT INTO batch (id, organisation_id, job_id, number, fence, record_ids, request, request_bytes,
                request_sha256)
            SELECT :id, :organisation, :job, 1 + coalesce(max(number), 0), :claim, CAST(:records AS uuid[]), :request,
                :bytes, :sha256
            FROM batch WHERE organisation_id = :organisation AND job_id = :job
            """
        ),
        {
            **_keys(claim),
            "id": batch_id,
            "records": [change.object_id for change in taken],
            "request": cipher.seal(body, claim.organisation_id, "batch", batch_id, "request"),
            "bytes": len(body),
            "sha256": hashlib.sha256(body).digest(),
        },
    )
    return Outgoing(batch_id, body)


async def call_batch(conn: AsyncConnection, cipher: Cipher, claim: Claim, batch_id: UUID) -> Outgoing | None:
    """Notes that a written batch is leaving now, and gives its bytes; None when the run has been cancelled."""
    await hold(conn, claim)
    if await _cancelled(conn, claim):
        return None
    row = (
        await conn.execute(
            sa.text(
                "UPDATE batch SET status = 'called', called_at = clock_timestamp(), fence = :claim"
                " WHERE id = :batch AND status = 'written' RETURNING request"
            ),
            {**_keys(claim), "batch": batch_id},
        )
    ).one()
    return Outgoing(batch_id, cipher.open(row.request, claim.organisation_id, "batch", batch_id, "request"))


async def accept_batch(
    conn: AsyncConnection, claim: Claim, batch_id: UUID, http_status: int, remote_job_id: str, poll_in: timedelta
) -> None:
    """Notes that Skolverket took the batch, and the job under which it will answer."""
    await hold(conn, claim)
    await conn.execute(
        sa.text(
            """
            UPDATE batch SET status = 'accepted', answered_at = clock_timestamp(), http_status = :http_status,
                remote_job_id = :remote_job_id, next_poll_at = clock_timestamp() + :poll_in, fence = :claim
            WHERE id = :batch
            """
        ),
        {
            **_keys(claim),
            "batch": batch_id,
            "http_status": http_status,
            "remote_job_id": remote_job_id,
            "poll_in": poll_in,
        },
    )


async def accepted_batch(conn: AsyncConnection, claim: Claim, batch_id: UUID) -> Awaited:
    """Reads what is needed to ask for a batch's answer."""
    batch = (
        await conn.execute(
            sa.text(
                "SELECT remote_job_id, polls, record_ids, clock_timestamp() - answered_at AS age"
                " FROM batch WHERE id = :batch"
            ),
            {"batch": batch_id},
        )
    ).one()
    records = await conn.execute(
        sa.text(
            """
            SELECT object_id, clock_timestamp() - coalesce(fault_since, clock_timestamp()) AS faulty_for
            FROM record WHERE organisation_id = :organisation AND job_id = :job AND status = 'sent'
                AND batch_id = :batch
            """
        ),
        {**_keys(claim), "batch": batch_id},
    )
    waiting = {row.object_id: row.faulty_for for row in records}
    return Awaited(batch.remote_job_id, batch.polls, batch.age, set(batch.record_ids), waiting)


async def answer_batch(
    conn: AsyncConnection,
    cipher: Cipher,
    claim: Claim,
    batch_id: UUID,
    answer: bytes,
    changes: Sequence[Change],
    poll_in: timedelta,
) -> bool:
    """Stores a status answer and its results; the batch is finished when none of its records waits any more.

    Tells whether some do.
    """
    await hold(conn, claim)
    await change_records(conn, claim, changes)
    status = await conn.scalar(
        sa.text(
            """
            WITH waiting AS (
                SELECT EXISTS (
                    SELECT FROM record WHERE record.organisation_id = :organisation AND record.job_id = :job
                        AND record.status = 'sent' AND record.batch_id = :batch
                ) AS any_left
            )
            UPDATE batch SET polls = polls + 1, answer = :answer, fence = :claim,
                status = CASE WHEN any_left THEN 'accepted' ELSE 'answered' END,
                next_poll_at = CASE WHEN any_left THEN clock_timestamp() + CAST(:poll_in AS interval) END,
                finished_at = CASE WHEN any_left THEN NULL ELSE clock_timestamp() END
            FROM waiting WHERE id = :batch RETURNING status
            """
        ),
        {
            **_keys(claim),
            "batch": batch_id,
            "answer": cipher.seal(answer, claim.organisation_id, "batch", batch_id, "answer"),
            "poll_in": poll_in,
        },
    )
    return bool(status == "accepted")


async def postpone_batch(conn: AsyncConnection, claim: Claim, batch_id: UUID, poll_in: timedelta) -> None:
    """Notes when to ask again for a result that could not be had now."""
    await hold(conn, claim)
    await conn.execute(
        sa.text("UPDATE batch SET next_poll_at = clock_timestamp() + :poll_in, fence = :claim WHERE id = :batch"),
        {**_keys(claim), "batch": batch_id, "poll_in": poll_in},
    )


async def refuse_batch(
    conn: AsyncConnection,
    cipher: Cipher,
    claim: Claim,
    batch_id: UUID,
    http_status: int,
    answer: bytes,
    *,
    again_in: timedelta | None,
) -> None:
    """Stores a refusal of the whole batch.

    With `again_in`, for a passing one, its records go again after that time. Without, for one that concerns what was
    sent, they go in halves, until a record that stands alone ends in error with Skolverket's words.
    """
    records = await _close(conn, cipher, claim, batch_id, "refused", f"http_{http_status}", http_status, answer)
    if again_in is not None:
        changes = [Change(each, "pending", again_in=again_in, faulty=True) for each in records]
    elif (together := halved(len(records))) is not None:
        changes = [Change(each, "pending", max_together=together) for each in records]
    else:
        sealed = {
            each: cipher.seal(answer or b"null", claim.organisation_id, claim.stage, each, "received")
            for each in records
        }
        changes = [Change(each, "error", received=sealed[each], remarks=[remark("refused_batch")]) for each in records]
    await change_records(conn, claim, changes)


async def lose_batch(
    conn: AsyncConnection, cipher: Cipher, claim: Claim, batch_id: UUID, code: str, again_in: timedelta | None
) -> None:
    """Notes that nobody will ever know what became of a batch: its records go again, or without a time end in error."""
    records = await _close(conn, cipher, claim, batch_id, "lost", code, None, None)
    if again_in is None:
        changes = [Change(each, "error", remarks=[remark(code)]) for each in records]
    else:
        changes = [Change(each, "pending", again_in=again_in, faulty=True) for each in records]
    await change_records(conn, claim, changes)


async def lose_called(conn: AsyncConnection, cipher: Cipher, claim: Claim) -> None:
    """Closes what an earlier claim left without an answer: it may have arrived, and goes again as the same objects."""
    await hold(conn, claim)
    called = await conn.execute(
        sa.text("SELECT id FROM batch WHERE job_id = :job AND status = 'called' ORDER BY number"), _keys(claim)
    )
    for row in called.all():
        await lose_batch(conn, cipher, claim, row.id, "worker_lost", timedelta())


async def give_up(conn: AsyncConnection, claim: Claim) -> None:
    """Ends what is still pending: faults have lasted for the whole horizon."""
    await hold(conn, claim)
    await conn.execute(
        sa.text(
            """
            UPDATE record SET status = 'error', completed_at = clock_timestamp(), fence = :claim,
                remarks = coalesce(remarks, '[]') || CAST(:remarks AS jsonb)
            WHERE organisation_id = :organisation AND job_id = :job AND status = 'pending'
            """
        ),
        {**_keys(claim), "remarks": json.dumps([remark("gave_up")])},
    )


async def drop_written(conn: AsyncConnection, claim: Claim) -> None:
    """Takes back batches that have not left."""
    await hold(conn, claim)
    dropped = await conn.execute(
        sa.text("DELETE FROM batch WHERE job_id = :job AND status = 'written' RETURNING record_ids"), _keys(claim)
    )
    records = [each for row in dropped for each in row.record_ids]
    await change_records(conn, claim, [Change(each, "pending") for each in records])


async def abandon(conn: AsyncConnection, cipher: Cipher, claim: Claim, code: str) -> None:
    """Closes everything that is out, for a job that ends without its answers."""
    await drop_written(conn, claim)
    out = await conn.execute(
        sa.text("SELECT id FROM batch WHERE job_id = :job AND status IN ('called', 'accepted')"), _keys(claim)
    )
    for row in out.all():
        await lose_batch(conn, cipher, claim, row.id, code, timedelta())


async def _close(
    conn: AsyncConnection,
    cipher: Cipher,
    claim: Claim,
    batch_id: UUID,
    status: str,
    code: str,
    http_status: int | None,
    answer: bytes | None,
) -> Sequence[UUID]:
    await hold(conn, claim)
    sealed = None if answer is None else cipher.seal(answer, claim.organisation_id, "batch", batch_id, "answer")
    row = (
        await conn.execute(
            sa.text(
                """
                UPDATE batch SET status = :status, error = :code, http_status = coalesce(:http_status, http_status),
                    answer = coalesce(:answer, answer), answered_at = CASE WHEN :http_status IS NULL THEN answered_at
                    ELSE clock_timestamp() END, next_poll_at = NULL, finished_at = clock_timestamp(), fence = :claim
                WHERE id = :batch
                RETURNING ARRAY(
                    SELECT object_id FROM record WHERE record.organisation_id = batch.organisation_id
                        AND record.job_id = batch.job_id AND record.status = 'sent'
                        AND record.batch_id = batch.id ORDER BY ordinal
                ) AS still_sent
                """
            ).bindparams(sa.bindparam("http_status", type_=sa.Integer), sa.bindparam("answer", type_=sa.LargeBinary)),
            {
                **_keys(claim),
                "batch": batch_id,
                "status": status,
                "code": code,
                "http_status": http_status,
                "answer": sealed,
            },
        )
    ).one()
    records: Sequence[UUID] = row.still_sent
    return records


async def _pending(conn: AsyncConnection, claim: Claim, after: int) -> Sequence[sa.Row[Any]]:
    rows = await conn.execute(
        sa.text(
            """
            SELECT object_id, ordinal, payload, refs, max_together, fault_since, clock_timestamp() AS now
            FROM record
            WHERE organisation_id = :organisation AND job_id = :job AND status = 'pending' AND sendable
                AND ordinal > :after AND (due_at IS NULL OR due_at <= clock_timestamp())
            ORDER BY ordinal LIMIT :slice
            """
        ),
        {**_keys(claim), "after": after, "slice": _SLICE},
    )
    return rows.all()


async def _failed_among(conn: AsyncConnection, claim: Claim, refs: set[UUID]) -> set[UUID]:
    before = [stage.value for stage in claim.stage.before]
    if not before or not refs:
        return set()
    rows = await conn.execute(
        sa.text(
            """
            SELECT record.object_id FROM job JOIN record
                ON record.organisation_id = job.organisation_id AND record.job_id = job.id
            WHERE job.run_id = :run AND job.stage = ANY (CAST(:before AS text[]))
                AND record.object_id = ANY (CAST(:refs AS uuid[])) AND record.status IN ('error', 'skipped')
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


def _keys(claim: Claim) -> Mapping[str, Any]:
    return {"organisation": claim.organisation_id, "job": claim.job_id, "claim": claim.number, "run": claim.run_id}
