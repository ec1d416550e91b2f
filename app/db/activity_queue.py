"""An activity queue per activity, one run at a time, four jobs in a row: how runs and jobs begin and end.

What callers ask of runs is in `runs`, who works on a job in `claims`; nothing else changes their state. One order of
locks everywhere: activity, run, job. The caller owns the transaction, and sends the wake-ups that are returned after
the commit. Every time is Postgres's own.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.verbs import call_verb


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What holders of an egress are told: look at this job, so many seconds from now.

    The number makes each another one; `egresses` are those that had a holder.
    """

    job_id: UUID
    number: int
    delay: float = 0.0
    egresses: tuple[str, ...] = field(default=(), compare=False)


async def start_free_queues(conn: AsyncConnection, limit: int = 50) -> list[WakeUp]:
    """Starts runs whose activity queue is free; only a mistake elsewhere leaves any, and this mends it."""
    queues = await conn.execute(
        sa.text(
            """
            WITH free AS MATERIALIZED (
                SELECT DISTINCT organisation_id, activity_id FROM run waiting
                WHERE status = 'queued' AND NOT EXISTS (
                    SELECT FROM run WHERE run.organisation_id = waiting.organisation_id
                        AND run.activity_id = waiting.activity_id AND run.status IN ('running', 'held')
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
    started = list[WakeUp]()
    for queue in queues.all():
        values = {"organisation": queue.organisation_id, "activity": queue.id}
        started += wake_ups_of(await call_verb(conn, "start_next_run(:organisation, :activity)", values))
    return started


async def finish_job(
    conn: AsyncConnection,
    organisation_id: UUID,
    job_id: UUID,
    claim: int,
    status: str,
    error: dict[str, Any] | None = None,
    *,
    go_on: bool = False,
) -> tuple[list[WakeUp], list[list[Any]]]:
    """Ends a running job, and what follows from it in the same transaction: the next job, the run, the next run.

    With `go_on` what follows is claimed at once by whoever held the job: [job, claim, run, kind, what is open] each.
    Raises LeaseLost when the claim no longer holds.
    """
    said = None if error is None else json.dumps(error)
    follows, claimed = await call_verb(
        conn,
        "finish_job(:organisation, :job, :claim, :status, CAST(:error AS jsonb), :go_on)",
        {
            "organisation": organisation_id,
            "job": job_id,
            "claim": claim,
            "status": status,
            "error": said,
            "go_on": go_on,
        },
    )
    return wake_ups_of(follows), claimed


def wake_ups_of(given: list[list[Any]]) -> list[WakeUp]:
    """Reads the wake-ups that a function of the database gives."""
    return [WakeUp(UUID(job_id), number, egresses=tuple(egresses)) for job_id, number, egresses in given]
