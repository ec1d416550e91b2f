"""What became of a batch: accepted, answered, refused or lost, and what that means for its records.

Every function here writes under a claim, in the caller's transaction, and raises LeaseLost when it no longer holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.batches import discard_unsent, keys
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, hold
from app.db.content import forget_contents, keep_contents, sealed_content
from app.db.records import change_records
from app.domain.batching import halved
from app.domain.envelope import fold
from app.domain.remarks import remark
from app.domain.verdicts import AwaitedBatch, RecordChange


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
            **keys(claim),
            "batch": batch_id,
            "http_status": http_status,
            "remote_job_id": remote_job_id,
            "poll_in": poll_in,
        },
    )


async def accepted_batch(conn: AsyncConnection, claim: Claim, batch_id: UUID) -> AwaitedBatch | None:
    """Reads what is needed to ask for a batch's answer; None when it is not waited for."""
    batch = (
        await conn.execute(
            sa.text(
                "SELECT remote_job_id, polls, record_ids, clock_timestamp() - answered_at AS age"
                " FROM batch WHERE id = :batch AND status = 'accepted'"
            ),
            {"batch": batch_id},
        )
    ).one_or_none()
    if batch is None:
        return None
    records = await conn.execute(
        sa.text(
            """
            SELECT object_id,
                tried_longer(one.tried_for, one.failed_at, one.planned_wait + rested, clock_timestamp()) AS tried_for
            FROM job CROSS JOIN unnest(CAST(:ids AS uuid[])) AS listed (id) CROSS JOIN LATERAL (
                SELECT object_id, tried_for, failed_at, planned_wait, status, batch_id FROM record
                WHERE record.job_id = :job AND record.object_id = listed.id OFFSET 0
            ) one
            WHERE one.status = 'sent' AND one.batch_id = :batch AND job.id = :job
            """
        ),
        {**keys(claim), "batch": batch_id, "ids": batch.record_ids},
    )
    waiting = {row.object_id: row.tried_for for row in records}
    return AwaitedBatch(batch.remote_job_id, batch.polls, batch.age, set(batch.record_ids), waiting)


async def answer_batch(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    answer: bytes,
    changes: Sequence[RecordChange],
    poll_in: timedelta,
    horizon: timedelta | None = None,
) -> bool:
    """Stores a status answer and its results; the batch is finished when none of its records waits any more.

    `received` of each change is what the answer says of that object: it is kept as that object's, and the batch keeps
    the rest of the answer. Faulty records that have been tried for `horizon` are given up. Tells whether some records
    wait.
    """
    await hold(conn, claim)
    kept = {
        each.object_id: sealed_content(cipher, claim.stage, each.object_id, each.received)
        for each in changes
        if each.received is not None
    }
    parts = {each.object_id: (each.received, kept[each.object_id].digest) for each in changes if each.received}
    envelope = sealed_content(cipher, "batch", batch_id, fold(answer, parts))
    before = await conn.scalar(sa.text("SELECT answer FROM batch WHERE id = :batch"), {"batch": batch_id})
    await keep_contents(conn, cipher, [*kept.values(), envelope])
    await change_records(
        conn,
        claim,
        [replace(each, received=kept[each.object_id].digest if each.object_id in kept else None) for each in changes],
        horizon=horizon,
    )
    status = await conn.scalar(
        sa.text(
            """
            WITH waiting AS MATERIALIZED (
                SELECT EXISTS (
                    SELECT FROM batch CROSS JOIN unnest(record_ids) AS listed (id) CROSS JOIN LATERAL (
                        SELECT status, batch_id FROM record
                        WHERE record.job_id = batch.job_id AND record.object_id = listed.id OFFSET 0
                    ) one
                    WHERE batch.id = :batch AND one.status = 'sent' AND one.batch_id = batch.id
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
            **keys(claim),
            "batch": batch_id,
            "answer": envelope.digest,
            "poll_in": poll_in,
        },
    )
    if before is not None and bytes(before) != envelope.digest:
        # An earlier answer said less of the same objects.
        await forget_contents(conn, cipher, [bytes(before)])
    return bool(status == "accepted")


async def postpone_batch(conn: AsyncConnection, claim: Claim, batch_id: UUID, poll_in: timedelta) -> None:
    """Notes when to ask again for a result that could not be had now."""
    await hold(conn, claim)
    await conn.execute(
        sa.text("UPDATE batch SET next_poll_at = clock_timestamp() + :poll_in, fence = :claim WHERE id = :batch"),
        {**keys(claim), "batch": batch_id, "poll_in": poll_in},
    )


async def refuse_batch(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    http_status: int,
    answer: bytes,
    blamed: Mapping[UUID, bytes],
) -> None:
    """Stores a refusal that concerns what was sent.

    Records that the answer blames end in error with what it says of them, and the others go again at once. When it
    blames none, they go in halves, until a record that stands alone ends in error.
    """
    records = await _close(conn, cipher, claim, batch_id, "refused", f"http_{http_status}", http_status, answer)
    guilty = {each: blamed[each] for each in records if each in blamed}
    if len(records) == 1 and not guilty:
        guilty = {records[0]: answer or b"null"}
    together = None if guilty else halved(len(records))
    received = {each: sealed_content(cipher, claim.stage, each, said) for each, said in guilty.items()}
    await keep_contents(conn, cipher, received.values())
    changes = [
        RecordChange(each, "error", received=received[each].digest, remarks=[remark("refused_batch")])
        if each in received
        else RecordChange(each, "pending", max_together=together)
        for each in records
    ]
    await change_records(conn, claim, changes)


async def requeue_batch(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    http_status: int,
    answer: bytes,
    again_in: timedelta,
    horizon: timedelta | None = None,
) -> None:
    """Stores a refusal that passes, such as too many calls: the records go again after a while.

    Those that have been tried for `horizon` are given up.
    """
    code = f"http_{http_status}"
    records = await _close(conn, cipher, claim, batch_id, "refused", code, http_status, answer)
    changes = [RecordChange(each, "pending", again_in=again_in, faulty=True, cause=code) for each in records]
    await change_records(conn, claim, changes, horizon=horizon)


async def mark_lost(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    code: str,
    again_in: timedelta | None,
    horizon: timedelta | None = None,
) -> None:
    """Notes that nobody will ever know what became of a batch: its records go again, or without a time end in error.

    Those that have been tried for `horizon` are given up.
    """
    records = await _close(conn, cipher, claim, batch_id, "lost", code, None, None)
    if again_in is None:
        changes = [RecordChange(each, "error", remarks=[remark(code)]) for each in records]
    else:
        changes = [RecordChange(each, "pending", again_in=again_in, faulty=True, cause=code) for each in records]
    await change_records(conn, claim, changes, horizon=horizon)


async def abandon_outstanding(conn: AsyncConnection, cipher: OrganisationCipher, claim: Claim, code: str) -> None:
    """Closes everything that is out, for a job that ends without its answers."""
    await discard_unsent(conn, claim)
    out = await conn.execute(
        sa.text("SELECT id FROM batch WHERE job_id = :job AND status IN ('called', 'accepted')"), keys(claim)
    )
    for row in out.all():
        await mark_lost(conn, cipher, claim, row.id, code, timedelta())


async def _close(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    status: str,
    code: str,
    http_status: int | None,
    answer: bytes | None,
) -> Sequence[UUID]:
    await hold(conn, claim)
    kept = None if answer is None else sealed_content(cipher, "batch", batch_id, answer)
    await keep_contents(conn, cipher, [kept] if kept else [])
    row = (
        await conn.execute(
            sa.text(
                """
                UPDATE batch SET status = :status, error = :code, http_status = coalesce(:http_status, http_status),
                    answer = coalesce(:answer, answer), answered_at = CASE WHEN :http_status IS NULL THEN answered_at
                    ELSE clock_timestamp() END, next_poll_at = NULL, finished_at = clock_timestamp(), fence = :claim
                WHERE id = :batch
                RETURNING ARRAY(
                    SELECT object_id FROM unnest(batch.record_ids) AS listed (id) CROSS JOIN LATERAL (
                        SELECT object_id, ordinal, status, batch_id FROM record
                        WHERE record.job_id = batch.job_id AND record.object_id = listed.id OFFSET 0
                    ) one
                    WHERE one.status = 'sent' AND one.batch_id = batch.id ORDER BY ordinal
                ) AS still_sent
                """
            ).bindparams(sa.bindparam("http_status", type_=sa.Integer), sa.bindparam("answer", type_=sa.LargeBinary)),
            {
                **keys(claim),
                "batch": batch_id,
                "status": status,
                "code": code,
                "http_status": http_status,
                "answer": kept and kept.digest,
            },
        )
    ).one()
    records: Sequence[UUID] = row.still_sent
    return records
