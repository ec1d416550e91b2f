"""What stands around one record: the calls in which it went, what it keeps back, and what keeps it back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.results import BESIDE, RECORD_COLUMNS, Row

MOST_RELATED: Final = 100

# `blocks`: of later stages what was not sent, or sent without it; and what waits, where it has failed. `blocked_by`:
# what it was not sent because of, or sent without; and what has failed of that to which it refers, while it waits. Each
# OFFSET, and each id as a range, keeps this a look by an index for each, whatever the statistics say.
_RELATED = f"""
    WITH here AS MATERIALIZED (
        SELECT one.*, job.position FROM (
            SELECT id, run_id, position FROM job WHERE id = :job AND (organisation_id = :organisation) IS TRUE OFFSET 0
        ) job CROSS JOIN LATERAL (
            SELECT * FROM record
            WHERE record.job_id = job.id AND record.object_id BETWEEN CAST(:object AS uuid) AND CAST(:object AS uuid)
            OFFSET 0
        ) one
    ), stage AS MATERIALIZED (
        SELECT job.id, job.run_id, job.kind, job.position FROM job WHERE job.run_id = (SELECT run_id FROM here)
    ), related AS MATERIALIZED (
        (
            SELECT 'blocks' AS relation, one.job_id, one.object_id
            FROM here JOIN stage ON stage.position > here.position CROSS JOIN LATERAL (
                SELECT record.job_id, record.object_id FROM record
                WHERE record.run_id = stage.run_id AND record.kind = stage.kind AND record.codes IS NOT NULL
                    AND record.codes ?| ARRAY['blocked_by', 'sent_without'] AND record.issues @>
                        jsonb_build_array(jsonb_build_object('ids', jsonb_build_array(here.object_id)))
                UNION ALL
                SELECT waits.job_id, waits.object_id FROM (
                    SELECT * FROM record WHERE here.status IN ('error', 'skipped') AND record.run_id = stage.run_id
                        AND record.kind = stage.kind AND record.status = 'pending' OFFSET 0
                ) waits WHERE here.object_id = ANY (waits.refs)
            ) one LIMIT :most
        ) UNION ALL (
            SELECT 'blocked_by', one.job_id, one.object_id FROM here CROSS JOIN LATERAL (
                SELECT CAST(jsonb_array_elements_text(issue -> 'ids') AS uuid) AS id
                FROM jsonb_array_elements(here.issues) issue WHERE issue ->> 'code' IN ('blocked_by', 'sent_without')
                UNION
                SELECT unnest(here.refs) WHERE here.status = 'pending'
            ) named JOIN stage ON stage.position < here.position CROSS JOIN LATERAL (
                SELECT record.job_id, record.object_id, record.status FROM record
                WHERE record.job_id = stage.id AND record.object_id BETWEEN named.id AND named.id OFFSET 0
            ) one
            WHERE one.status IN ('error', 'skipped') LIMIT :most
        )
    )
    SELECT called.calls, listed.* FROM (
        SELECT (
            SELECT jsonb_agg(jsonb_build_object('id', id, 'number', number, 'status', status,
                'http_status', http_status, 'called_at', called_at, 'answered_at', answered_at, 'error', error)
                ORDER BY number)
            FROM batch WHERE batch.organisation_id = :organisation AND batch.job_id = :job
                AND CAST(:object AS uuid) = ANY (batch.record_ids)
        ) AS calls
    ) called LEFT JOIN (
        SELECT related.relation, related.job_id, detail.* FROM related CROSS JOIN LATERAL (
            {RECORD_COLUMNS} FROM (
                SELECT * FROM record WHERE record.job_id = related.job_id
                    AND record.object_id BETWEEN related.object_id AND related.object_id OFFSET 0
            ) one {BESIDE}
        ) detail
    ) listed ON true
    ORDER BY listed.kind, listed.ordinal
"""  # noqa: S608 - constants of ours


async def find_related(
    conn: AsyncConnection, organisation_id: UUID, job_id: UUID, object_id: UUID
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Row]]:
    """Gives the calls in which a record went, in their order, and the records around it with their `relation`."""
    given = {"organisation": organisation_id, "job": job_id, "object": object_id, "most": MOST_RELATED}
    rows = (await conn.execute(sa.text(_RELATED), given)).mappings().all()
    return rows[0]["calls"] or (), [row for row in rows if row["relation"] is not None]
