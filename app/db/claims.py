"""Who works on which job: claims, what the holder sees, and how it lets go. Ends of jobs are the activity queue's."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.activity_queue import WakeUp
from app.db.counting import OF_JOB
from app.domain.open_work import JobSnapshot, OpenBatch
from app.domain.outcome import Counts
from app.domain.stages import Stage


class LeaseLost(Exception):
    """Somebody else holds the job now, or it has ended: what this claim would write is dropped."""


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
    held = await conn.scalar(
        sa.text("SELECT id FROM job WHERE id = :job AND claim = :claim AND status = 'running' FOR NO KEY UPDATE"),
        {"job": claim.job_id, "claim": claim.number},
    )
    if held is None:
        raise LeaseLost


# Failed records of which the stages after this one have to know whether Skolverket holds them from before. The first in
# the order of the index is asked for: any one might be looked for anywhere, by a planner that expects many.
_UNASKED = """
    run.on_record_error = 'continue' AND job.stage <> 'activities' AND EXISTS (
        SELECT FROM unnest(ARRAY['error', 'skipped']) AS failed CROSS JOIN LATERAL (
            SELECT FROM record
            WHERE record.run_id = job.run_id AND record.stage = job.stage AND record.status = failed AND (
                -- asked for one by one: as NOT EXISTS it might become a join that reads all of them
                SELECT true FROM at_target
                WHERE at_target.job_id = record.job_id AND at_target.object_id = record.object_id
            ) IS NULL
            ORDER BY record.ordinal LIMIT 1
        ) first
    )
"""
_DUE = f"""
    SELECT min(record.due_at) FROM record WHERE {OF_JOB} AND record.status = 'pending'
        AND record.due_at > clock_timestamp()
"""  # noqa: S608 - constants of ours
_OPEN = f"""
    clock_timestamp() AS now, job.worker_deaths AS worker_deaths, job.last_accepted_at AS last_accepted_at,
    (SELECT usual FROM answer_time WHERE answer_time.stage = job.stage) AS usual_answer,
    run.cancel_requested_at IS NOT NULL AS cancelled, pending.ready,
    CASE WHEN NOT pending.ready THEN ({_DUE}) END AS next_ready_at, {_UNASKED} AS unasked
"""  # noqa: S608 - constants of ours
_JOB = """
    job JOIN run ON run.id = job.run_id
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM record WHERE record.run_id = job.run_id AND record.stage = job.stage
                AND record.status = 'pending' AND (record.due_at IS NULL OR record.due_at <= clock_timestamp())
            ORDER BY record.ordinal LIMIT 1
        ) AS ready
    ) pending
"""


async def load_snapshot(conn: AsyncConnection, claim: Claim) -> JobSnapshot:
    """Reads what the next decision needs; raises LeaseLost when the claim no longer holds."""
    query = f"""
        SELECT {_OPEN}, job.tried_for, job.error ->> 'code' AS fault_code, run.on_record_error,
            job.total, job.pending, job.sent, job.unchanged, job.succeeded, job.warnings, job.errors, job.skipped,
            ARRAY(
                SELECT jsonb_build_array(id, status, next_poll_at) FROM batch WHERE job_id = job.id
                    AND status IN ('written', 'called', 'accepted') ORDER BY number
            ) AS batches
        FROM {_JOB}
        WHERE job.id = :job AND job.claim = :claim AND job.status = 'running'
    """  # noqa: S608 - constants of ours
    found = (await conn.execute(sa.text(query), {"job": claim.job_id, "claim": claim.number})).mappings().one_or_none()
    if found is None:
        raise LeaseLost
    row = dict(found)
    counts = Counts(**{each.name: row.pop(each.name) for each in fields(Counts)})
    batches = [
        OpenBatch(UUID(batch_id), status, None if next_poll_at is None else datetime.fromisoformat(next_poll_at))
        for batch_id, status, next_poll_at in row.pop("batches")
    ]
    return JobSnapshot(**row, counts=counts, batches=batches)


async def note_accepted(conn: AsyncConnection, claim: Claim) -> None:
    """Notes that Skolverket has answered: faults from now on are counted anew."""
    await conn.execute(
        sa.text(
            "UPDATE job SET last_accepted_at = clock_timestamp(), tried_for = '0', failed_at = NULL,"
            " planned_wait = NULL, error = NULL, fence = :claim"
            " WHERE id = :job AND claim = :claim AND status = 'running'"
        ),
        {"job": claim.job_id, "claim": claim.number},
    )


async def note_fault(conn: AsyncConnection, claim: Claim, error: dict[str, Any], *, counts: bool = True) -> None:
    """Keeps a fault for those who look at the job meanwhile, and counts it as an attempt unless told otherwise."""
    await conn.execute(
        sa.text(
            "UPDATE job SET attempt = attempt + :counted, failed_at = clock_timestamp(), planned_wait = - rested,"
            " tried_for = tried_longer(tried_for, failed_at, planned_wait + rested, clock_timestamp()),"
            " error = :error, fence = :claim WHERE id = :job AND claim = :claim AND status = 'running'"
        ).bindparams(sa.bindparam("error", type_=JSONB)),
        {"job": claim.job_id, "claim": claim.number, "error": error, "counted": int(counts)},
    )


async def snooze(conn: AsyncConnection, claim: Claim, delay: timedelta, *, cancelled: bool = False) -> WakeUp:
    """Lets go of the job until `delay` has passed; raises LeaseLost when the claim no longer holds.

    When its run has been cancelled and the decision was made without knowing that (`cancelled`), it is due at once.
    """
    await hold(conn, claim)
    row = (
        await conn.execute(
            sa.text(
                """
                WITH rest AS MATERIALIZED (
                    SELECT CASE WHEN cancel_requested_at IS NOT NULL AND NOT :cancelled THEN interval '0'
                        ELSE CAST(:delay AS interval) END AS delay
                    FROM run WHERE id = :run
                )
                UPDATE job SET fence = :claim, lease_until = NULL, worker = NULL, worker_deaths = 0,
                    rested = rested + rest.delay,
                    due_at = clock_timestamp() + rest.delay, wake_up = wake_up + 1,
                    notified_at = clock_timestamp() + rest.delay
                FROM rest WHERE id = :job AND claim = :claim AND status = 'running' RETURNING wake_up, rest.delay
                """
            ),
            {"job": claim.job_id, "claim": claim.number, "run": claim.run_id, "delay": delay, "cancelled": cancelled},
        )
    ).one()
    return WakeUp(claim.job_id, row.wake_up, row.delay.total_seconds())


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
