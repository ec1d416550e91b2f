"""Who works on which job: claims, what the holder sees, and how it lets go. Ends of jobs are the activity queue's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.activity_queue import WakeUp
from app.db.verbs import call_verb, snapshot_of
from app.domain.open_work import JobSnapshot
from app.domain.stages import Stage


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job until the lease ends; `number` fences every write."""

    job_id: UUID
    number: int
    organisation_id: UUID
    run_id: UUID
    stage: Stage
    # Of the organisation, whose contents are opened with it.
    salt: bytes = field(repr=False)
    lost_before: bool
    # How long ago a wake-up was sent for it.
    wake_latency: timedelta | None = field(default=None, compare=False)


async def claim(
    conn: AsyncConnection,
    worker: UUID,
    lease: timedelta,
    job_id: UUID | None = None,
    overdue: timedelta = timedelta(),
) -> Claim | None:
    """Takes the given job, or whichever has been due longest, if for so long; None when there is none to take."""
    row = (
        await conn.execute(
            sa.text(
                f"""
                UPDATE job SET status = 'running', claim = claim + 1, fence = claim, worker = :worker,
                    lease_until = clock_timestamp() + :lease, started_at = coalesce(started_at, clock_timestamp()),
                    worker_deaths = worker_deaths + (lease_until IS NOT NULL)::int
                WHERE job.id = (
                    SELECT id FROM job
                    WHERE status IN ('queued', 'running')
                        -- asked for once, and so a bound for the index: a volatile function is none
                        AND due_at <= (SELECT clock_timestamp() - CAST(:overdue AS interval))
                        AND (lease_until IS NULL OR lease_until < clock_timestamp())
                        {"AND id = :job" if job_id else ""}
                    ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
                )
                RETURNING job.id, job.claim, job.organisation_id, job.run_id, job.stage,
                    job.worker_deaths > 0 AS lost_before,
                    (SELECT salt FROM organisation WHERE organisation.id = job.organisation_id) AS salt,
                    clock_timestamp() - job.notified_at AS wake_latency
                """  # noqa: S608 - a choice between two constants
            ),
            {"worker": worker, "lease": lease, "job": job_id, "overdue": overdue},
        )
    ).one_or_none()
    if row is None:
        return None
    return Claim(
        row.id,
        row.claim,
        row.organisation_id,
        row.run_id,
        Stage(row.stage),
        bytes(row.salt),
        row.lost_before,
        row.wake_latency,
    )


async def hold(conn: AsyncConnection, claim: Claim) -> None:
    """Keeps the job's row as it is until the transaction ends; raises LeaseLost when the claim no longer holds."""
    await call_verb(conn, "hold_job(:job, :claim) IS NOT NULL", _keys(claim))


async def load_snapshot(conn: AsyncConnection, claim: Claim) -> JobSnapshot:
    """Reads what the next decision needs; raises LeaseLost when the claim no longer holds."""
    return snapshot_of(await call_verb(conn, "refresh_work(:job, :claim)", _keys(claim)))


async def note_fault(conn: AsyncConnection, claim: Claim, error: dict[str, Any], *, counts: bool = True) -> JobSnapshot:
    """Notes a failed try, which counts as an attempt unless told otherwise, and keeps the fault; gives what is open.

    Raises LeaseLost when the claim no longer holds.
    """
    values = {**_keys(claim), "error": json.dumps(error), "counted": int(counts)}
    return snapshot_of(await call_verb(conn, "note_fault(:job, :claim, CAST(:error AS jsonb), :counted)", values))


async def snooze(conn: AsyncConnection, claim: Claim, delay: timedelta, *, cancelled: bool = False) -> WakeUp:
    """Lets go of the job until `delay` has passed; raises LeaseLost when the claim no longer holds.

    When its run has been cancelled and the decision was made without knowing that (`cancelled`), it is due at once.
    """
    values = {**_keys(claim), "delay": delay, "cancelled": cancelled}
    number, seconds = await call_verb(conn, "snooze(:job, :claim, :delay, :cancelled)", values)
    return WakeUp(claim.job_id, number, float(seconds))


async def wake_ups_due(conn: AsyncConnection, limit: int, timeout: timedelta) -> Sequence[WakeUp]:
    """Numbers new wake-ups for jobs that have been due for a while without having been claimed."""
    notified = await conn.execute(
        sa.text(
            """
            UPDATE job SET wake_up = wake_up + 1, notified_at = clock_timestamp(), fence = claim
            -- an array is looked up id by id; a set might be joined with all jobs there are
            WHERE id = ANY (ARRAY(
                SELECT id FROM job
                WHERE status IN ('queued', 'running') AND due_at <= (SELECT clock_timestamp())
                    AND (lease_until IS NULL OR lease_until < clock_timestamp())
                    AND (notified_at IS NULL OR notified_at < clock_timestamp() - :timeout)
                ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
            ))
            RETURNING id, wake_up
            """
        ),
        {"limit": limit, "timeout": timeout},
    )
    return [WakeUp(row.id, row.wake_up) for row in notified]


async def database_time(conn: AsyncConnection) -> datetime:
    """Gives the one clock that due times and leases are measured with."""
    now = await conn.scalar(sa.text("SELECT clock_timestamp()"))
    assert isinstance(now, datetime)  # noqa: S101
    return now


def _keys(claim: Claim) -> Mapping[str, Any]:
    return {"job": claim.job_id, "claim": claim.number}
