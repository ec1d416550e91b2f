"""Changes of records' states, many in one statement."""

import json
from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.claims import Claim
from app.domain.lifecycle import FINAL_RECORD
from app.domain.verdicts import RecordChange


async def change_records(
    conn: AsyncConnection, claim: Claim, changes: Sequence[RecordChange], batch_id: UUID | None = None
) -> None:
    """Writes the changes; the database refuses those that the lifecycle or the claim does not allow.

    `batch_id` is the batch in which those that become `sent` leave: only its answer counts for them.
    """
    if not changes:
        return
    await conn.execute(
        sa.text(
            """
            UPDATE record SET fence = :claim,
                -- what went out incomplete is no plain success
                status = CASE WHEN change.status = 'succeeded' AND record.remarks @> '[{"code": "sent_without"}]'
                    THEN 'warning' ELSE change.status END,
                batch_id = CASE WHEN change.status = 'sent' THEN CAST(:batch AS uuid) ELSE record.batch_id END,
                sent = coalesce(change.sent, record.sent),
                received = coalesce(change.received, record.received),
                attempts = attempts + (change.status = 'sent')::int,
                -- what was said of an earlier sending goes; what the reading of the roster found stays
                remarks = CASE
                    WHEN change.status = 'sent' THEN nullif(
                        coalesce((SELECT jsonb_agg(r) FROM jsonb_array_elements(record.remarks) r WHERE r ? 'pointer'),
                            '[]') || coalesce(CAST(change.remarks AS jsonb), '[]'),
                        '[]')
                    WHEN change.remarks IS NULL THEN record.remarks
                    ELSE coalesce(record.remarks, '[]') || CAST(change.remarks AS jsonb) END,
                due_at = clock_timestamp() + change.again_in,
                fault_since = CASE WHEN change.faulty THEN coalesce(record.fault_since, clock_timestamp())
                    ELSE record.fault_since END,
                max_together = coalesce(change.max_together, record.max_together),
                completed_at = CASE WHEN change.final THEN clock_timestamp() END
            FROM unnest(
                CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:sents AS bytea[]), CAST(:receiveds AS bytea[]),
                CAST(:remarks AS text[]), CAST(:agains AS interval[]), CAST(:faulties AS boolean[]),
                CAST(:togethers AS int[]), CAST(:finals AS boolean[])
            ) AS change (id, status, sent, received, remarks, again_in, faulty, max_together, final)
            CROSS JOIN LATERAL (
                -- The OFFSET makes this a look by the primary key for each: as a join it might read the whole job, or
                -- all changes for each record. The claim holds the job, so that no record moves meanwhile.
                SELECT ctid AS place FROM record one WHERE one.job_id = :job AND one.object_id = change.id OFFSET 0
            ) found
            WHERE record.ctid = found.place
            """
        ),
        {
            "job": claim.job_id,
            "claim": claim.number,
            "batch": batch_id,
            "ids": [change.object_id for change in changes],
            "statuses": [change.status for change in changes],
            "sents": [change.sent for change in changes],
            "receiveds": [change.received for change in changes],
            "remarks": [json.dumps(list(change.remarks)) if change.remarks else None for change in changes],
            "agains": [change.again_in for change in changes],
            "faulties": [change.faulty for change in changes],
            "togethers": [change.max_together for change in changes],
            "finals": [change.status in FINAL_RECORD for change in changes],
        },
    )
