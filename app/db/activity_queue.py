"""An activity queue per activity, one run at a time, four jobs in a row: how runs and jobs begin and end.

What callers ask of runs is in `runs`, who works on a job in `claims`; nothing else changes their state. One order of
locks everywhere: activity, run, job. The caller owns the transaction, and sends the wake-ups that are returned after
the commit. Every time is Postgres's own.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What the notifier is to say: look at this job, so many seconds from now. The number makes each another one."""

    job_id: UUID
    number: int
    delay: float = 0.0


async def start_next(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> list[WakeUp]:
    """Lets the next run of an activity begin, if none is under way; the caller has locked the activity."""
    run_id = await conn.scalar(
        sa.text(
            """
            UPDATE run SET status = 'running', started_at = clock_timestamp()
            WHERE id = (
                SELECT id FROM run
                WHERE organisation_id = :organisation AND activity_id = :activity AND status = 'queued'
                ORDER BY sequence LIMIT 1
            ) AND NOT EXISTS (
                SELECT FROM run ahead WHERE ahead.organisation_id = :organisation
                    AND ahead.activity_id = :activity AND ahead.status = 'running'
            )
            RETURNING id
            """
        ),
        {"organisation": organisation_id, "activity": activity_id},
    )
    return [] if run_id is None else await queue_job(conn, run_id, 1)


async def start_free_queues(conn: AsyncConnection, limit: int = 50) -> list[WakeUp]:
    """Starts runs whose activity queue is free; only a mistake elsewhere leaves any, and this mends it."""
    queues = await conn.execute(
        sa.text(
            """
            WITH free AS MATERIALIZED (
                SELECT DISTINCT organisation_id, activity_id FROM run waiting
                WHERE status = 'queued' AND NOT EXISTS (
                    SELECT FROM run WHERE run.organisation_id = waiting.organisation_id
                        AND run.activity_id = waiting.activity_id AND run.status = 'running'
                ) LIMIT :limit
            )
            SELECT queue.organisation_id, queue.id FROM free CROSS JOIN LATERAL (
                SELECT organisation_id, id FROM activity
                WHERE organisation_id = free.organisation_id AND id = free.activity_id
                FOR NO KEY UPDATE SKIP LOCKED
            ) queue
            """
        ),
        {"limit": limit},
    )
    return [wake_up for queue in queues.all() for wake_up in await start_next(conn, queue.organisation_id, queue.id)]


async def finish_job(
    conn: AsyncConnection, job_id: UUID, claim: int, status: str, error: dict[str, Any] | None = None
) -> list[WakeUp] | None:
    """Ends a running job, and what follows from it in the same transaction: the next job, the run, the next run.

    Gives None, with nothing changed, when the claim no longer holds.
    """
    queue = (
        await conn.execute(
            sa.text("SELECT organisation_id, activity_id, run_id, position, stage FROM job WHERE id = :job"),
            {"job": job_id},
        )
    ).one()
    await lock_queue(conn, queue.organisation_id, queue.activity_id)
    cancelled = await conn.scalar(
        sa.text("SELECT cancel_requested_at IS NOT NULL FROM run WHERE id = :run FOR NO KEY UPDATE"),
        {"run": queue.run_id},
    )
    held = await conn.scalar(
        sa.text("SELECT id FROM job WHERE id = :job AND claim = :claim AND status = 'running' FOR NO KEY UPDATE"),
        {"job": job_id, "claim": claim},
    )
    if held is None:
        return None
    # A retry begins anew: what is left must not be given up for faults of this try.
    await conn.execute(
        sa.text(
            "UPDATE record SET due_at = NULL, fault_since = NULL, fence = :claim"
            " WHERE run_id = :run AND stage BETWEEN :stage AND :stage AND status = 'pending'"
            " AND (due_at IS NOT NULL OR fault_since IS NOT NULL)"
        ),
        {"run": queue.run_id, "stage": queue.stage, "claim": claim},
    )
    await conn.execute(
        sa.text(
            """
            UPDATE job SET status = :status, fence = :claim, error = :error, finished_at = clock_timestamp(),
                due_at = NULL, lease_until = NULL, worker = NULL, worker_deaths = 0
            WHERE id = :job AND claim = :claim AND status = 'running'
            """
        ).bindparams(sa.bindparam("error", type_=JSONB(none_as_null=True))),
        {"status": status, "claim": claim, "error": error, "job": job_id},
    )
    last = not await conn.scalar(
        sa.text("SELECT EXISTS (SELECT FROM job WHERE run_id = :run AND position > :position)"),
        {"run": queue.run_id, "position": queue.position},
    )
    if status == "succeeded" and not last and not cancelled:
        return await queue_job(conn, queue.run_id, queue.position + 1)
    await conn.execute(
        sa.text(
            "UPDATE job SET status = :status, finished_at = clock_timestamp()"
            " WHERE run_id = :run AND status = 'waiting'"
        ),
        {"status": "cancelled" if cancelled else "blocked", "run": queue.run_id},
    )
    outcome = "succeeded" if status == "succeeded" and last else "cancelled" if cancelled else "failed"
    await end_run(conn, queue.run_id, outcome)
    return await start_next(conn, queue.organisation_id, queue.activity_id)


async def lock_queue(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> None:
    found = await conn.scalar(
        sa.text("SELECT id FROM activity WHERE organisation_id = :organisation AND id = :activity FOR NO KEY UPDATE"),
        {"organisation": organisation_id, "activity": activity_id},
    )
    if found is None:
        raise NotFound("there is no such activity")


async def queue_job(conn: AsyncConnection, run_id: UUID, position: int) -> list[WakeUp]:
    queued = await conn.execute(
        sa.text(
            """
            UPDATE job SET status = 'queued', due_at = clock_timestamp(), wake_up = wake_up + 1,
                notified_at = clock_timestamp()
            WHERE run_id = :run AND position = :position RETURNING id, wake_up
            """
        ),
        {"run": run_id, "position": position},
    )
    return [WakeUp(row.id, row.wake_up) for row in queued]


async def end_run(conn: AsyncConnection, run_id: UUID, status: str) -> None:
    await conn.execute(
        sa.text("UPDATE run SET status = :status, finished_at = clock_timestamp() WHERE id = :run"),
        {"status": status, "run": run_id},
    )
