"""What stands around a run and is no part of it: the run ahead, its exam as it is now, and who carries it on."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.workers import SILENT_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`ahead` is the number of the run that goes before this one, `ahead_id` its id; both are None without one.

    `roster_version` is None once the exam is deleted, and for whoever is shown single school units.

    `carried` is whether a process is there that may call the target; `away_since` since when that does not answer,
    `paused_until` until when it has asked to be left alone.
    """

    ahead: int | None
    ahead_id: UUID | None
    is_latest: bool
    roster_version: int | None
    roster_at: datetime | None
    carried: bool
    away_since: datetime | None
    paused_until: datetime | None


async def surroundings_of(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> Surroundings | None:
    """Reads what stands around an organisation's run, each part of it by its key."""
    found = await conn.execute(
        sa.text(
            """
            SELECT ahead.sequence AS ahead, ahead.id AS ahead_id, exam.last_sequence = one.sequence AS is_latest,
                CASE WHEN exam.deleted_at IS NULL THEN exam.version END AS roster_version,
                CASE WHEN exam.deleted_at IS NULL THEN exam.updated_at END AS roster_at,
                EXISTS (
                    SELECT FROM epoch JOIN worker ON worker.id = epoch.worker
                    WHERE epoch.state = 'holds' AND worker.seen_at > clock_timestamp() - CAST(:silent AS interval)
                ) AS carried,
                (SELECT min(opened_at) FROM circuit) AS away_since,
                (SELECT max(calls_paused_until) FROM egress WHERE calls_paused_until > clock_timestamp())
                    AS paused_until
            FROM (
                SELECT * FROM run WHERE id = :run AND (organisation_id = :organisation) IS TRUE OFFSET 0
            ) one
            CROSS JOIN LATERAL (
                SELECT * FROM activity WHERE organisation_id = one.organisation_id AND id = one.activity_id OFFSET 0
            ) exam
            LEFT JOIN LATERAL (
                SELECT id, sequence FROM (
                    SELECT id, sequence, finished_at FROM run
                    WHERE run.organisation_id = one.organisation_id AND run.activity_id = one.activity_id
                        AND run.sequence < one.sequence AND one.status = 'queued'
                    ORDER BY sequence DESC LIMIT 100
                ) before WHERE finished_at IS NULL ORDER BY sequence DESC LIMIT 1
            ) ahead ON true
            """
        ),
        {"organisation": organisation_id, "run": run_id, "silent": SILENT_AFTER},
    )
    row = found.mappings().one_or_none()
    return None if row is None else Surroundings(**row)
