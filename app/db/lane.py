"""The one place where runs and jobs change state: a lane per activity, one run at a time, four jobs in a row.

One order of locks everywhere: activity, run, job. The caller owns the transaction and rings what is returned, after
the commit. Every time is Postgres's own.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.counting import COUNT_RECORDS
from app.domain.stages import Stage
from app.errors import Conflict, NotFound

MAX_WAITING_RUNS = 20


@dataclass(frozen=True, slots=True)
class Ring:
    """What the doorbell is to say: look at this job, so many seconds from now. The number makes each ring another."""

    job_id: UUID
    number: int
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that is committed with the caller's transaction."""

    run_id: UUID
    rings: list[Ring]


async def accept_run(
    conn: AsyncConnection,
    *,
    organisation_id: UUID,
    activity_id: UUID,
    on_record_error: str,
    key_id: UUID,
    key_name: str,
) -> Accepted:
    """Freezes the activity's roster into a new run with its four jobs, at the end of the activity's lane.

    Ciphertext is copied inside the database, in one statement. Raises NotFound without the activity, Conflict when
    MAX_WAITING_RUNS wait already.
    """
    await _lock_lane(conn, organisation_id, activity_id)
    waiting = await conn.scalar(
        sa.text(
            "SELECT count(*) FROM run WHERE organisation_id = :organisation AND activity_id = :activity"
            " AND status = 'queued'"
        ),
        {"organisation": organisation_id, "activity": activity_id},
    )
    if waiting is not None and waiting >= MAX_WAITING_RUNS:
        raise Conflict(f"{MAX_WAITING_RUNS} runs of this activity wait already: let one finish, or cancel one")
    run_id = uuid4()
    keys = {"organisation": organisation_id, "activity": activity_id, "run": run_id}
    await conn.execute(
        sa.text(
            """
            WITH lane AS (
                UPDATE activity SET last_sequence = last_sequence + 1
                WHERE organisation_id = :organisation AND id = :activity
                RETURNING last_sequence, version
            )
            INSERT INTO run (id, organisation_id, activity_id, sequence, on_record_error,
                requested_by_id, requested_by_name, roster_version)
            SELECT :run, :organisation, :activity, last_sequence, :policy, :key_id, :key_name, version FROM lane
            """
        ),
        {**keys, "policy": on_record_error, "key_id": key_id, "key_name": key_name},
    )
    await conn.execute(
        sa.text(
            """
            INSERT INTO job (id, organisation_id, activity_id, run_id, position, stage, created_at, total, pending)
            SELECT made.id, :organisation, :activity, :run, made.position, made.stage, run.created_at,
                (activity.counts ->> made.stage)::int, (activity.counts ->> made.stage)::int
            FROM unnest(CAST(:ids AS uuid[]), CAST(:positions AS int[]), CAST(:stages AS text[]))
                AS made (id, position, stage), run, activity
            WHERE run.id = :run AND activity.organisation_id = :organisation AND activity.id = :activity
            """
        ),
        {
            **keys,
            "ids": [uuid4() for _ in Stage],
            "positions": [stage.position for stage in Stage],
            "stages": [stage.value for stage in Stage],
        },
    )
    await conn.execute(
        sa.text(
            """
            INSERT INTO record (organisation_id, job_id, object_id, run_id, stage, ordinal, payload, words, refs,
                protected, sendable, remarks)
            SELECT item.organisation_id, job.id, item.object_id, job.run_id, item.stage, item.ordinal, item.payload,
                item.words, item.refs, item.protected, item.sendable, item.flaws
            FROM activity
            JOIN roster_item item
                ON item.organisation_id = activity.organisation_id AND item.roster_id = activity.roster_id
            JOIN job ON job.run_id = :run AND job.stage = item.stage
            WHERE activity.organisation_id = :organisation AND activity.id = :activity
            """
        ),
        keys,
    )
    return Accepted(run_id, await start_next(conn, organisation_id, activity_id))


async def start_next(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> list[Ring]:
    """Lets the lane's next run begin, if none is under way; the lane must be locked by the caller."""
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
    return [] if run_id is None else await _queue_job(conn, run_id, 1)


async def start_lanes(conn: AsyncConnection, limit: int = 50) -> list[Ring]:
    """Starts runs whose lane is free; only a mistake elsewhere leaves any, and this mends it."""
    lanes = await conn.execute(
        sa.text(
            """
            SELECT organisation_id, id FROM activity lane
            WHERE (organisation_id, id) IN (SELECT organisation_id, activity_id FROM run WHERE status = 'queued')
                AND NOT EXISTS (
                    SELECT FROM run WHERE run.organisation_id = lane.organisation_id
                        AND run.activity_id = lane.id AND run.status = 'running'
                )
            LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
            """
        ),
        {"limit": limit},
    )
    return [ring for lane in lanes.all() for ring in await start_next(conn, lane.organisation_id, lane.id)]


async def finish_job(
    conn: AsyncConnection, job_id: UUID, claim: int, status: str, error: dict[str, Any] | None = None
) -> list[Ring] | None:
    """Ends a running job, and what follows from it in the same transaction: the next job, the run, the next run.

    Gives None, with nothing changed, when the claim no longer holds.
    """
    lane = (
        await conn.execute(
            sa.text("SELECT organisation_id, activity_id, run_id, position FROM job WHERE id = :job"), {"job": job_id}
        )
    ).one()
    await _lock_lane(conn, lane.organisation_id, lane.activity_id)
    cancelled = await conn.scalar(
        sa.text("SELECT cancel_requested_at IS NOT NULL FROM run WHERE id = :run FOR NO KEY UPDATE"),
        {"run": lane.run_id},
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
            " WHERE organisation_id = :organisation AND job_id = :job AND status = 'pending'"
            " AND (due_at IS NOT NULL OR fault_since IS NOT NULL)"
        ),
        {"organisation": lane.organisation_id, "job": job_id, "claim": claim},
    )
    await conn.execute(
        sa.text(
            f"""
            UPDATE job SET status = :status, fence = :claim, error = :error, finished_at = clock_timestamp(),
                due_at = NULL, lease_until = NULL, worker = NULL, losses = 0,
                {COUNT_RECORDS}
            WHERE id = :job AND claim = :claim AND status = 'running'
            """  # noqa: S608 - a constant of ours
        ).bindparams(sa.bindparam("error", type_=JSONB(none_as_null=True))),
        {"status": status, "claim": claim, "error": error, "job": job_id},
    )
    last = lane.position == len(Stage)
    if status == "succeeded" and not last and not cancelled:
        return await _queue_job(conn, lane.run_id, lane.position + 1)
    await conn.execute(
        sa.text(
            "UPDATE job SET status = :status, finished_at = clock_timestamp()"
            " WHERE run_id = :run AND status = 'waiting'"
        ),
        {"status": "cancelled" if cancelled else "blocked", "run": lane.run_id},
    )
    outcome = "succeeded" if status == "succeeded" and last else "cancelled" if cancelled else "failed"
    await _end_run(conn, lane.run_id, outcome)
    return await start_next(conn, lane.organisation_id, lane.activity_id)


async def cancel_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> list[Ring]:
    """Asks for a run's end: at once if nothing of it is at Skolverket, else after the answers that are under way.

    Raises NotFound, and Conflict when it is finished. Asking twice is asking once.
    """
    run = await _lock_run(conn, organisation_id, run_id)
    if run.status not in {"queued", "running"}:
        raise Conflict(f"the run is finished ({run.status}): there is nothing to cancel")
    await conn.execute(
        sa.text(
            "UPDATE run SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()) WHERE id = :run"
        ),
        {"run": run_id},
    )
    await conn.execute(
        sa.text(
            "UPDATE job SET status = 'cancelled', finished_at = clock_timestamp(), due_at = NULL"
            " WHERE run_id = :run AND status IN ('waiting', 'queued')"
        ),
        {"run": run_id},
    )
    under_way = await conn.execute(
        sa.text(
            """
            UPDATE job SET due_at = CASE WHEN lease_until IS NULL THEN clock_timestamp() ELSE due_at END,
                ring = ring + 1, rung_at = clock_timestamp(), fence = claim
            WHERE run_id = :run AND status = 'running' RETURNING id, ring
            """
        ),
        {"run": run_id},
    )
    if rings := [Ring(row.id, row.ring) for row in under_way]:
        return rings
    await _end_run(conn, run_id, "cancelled")
    return await start_next(conn, organisation_id, run.activity_id)


async def retry_run(
    conn: AsyncConnection, organisation_id: UUID, run_id: UUID, on_record_error: str | None
) -> list[Ring]:
    """Lets a failed or cancelled run go on from its first unfinished job, with what has not succeeded.

    Raises NotFound, and Conflict for a run in another state, for one that is not its activity's latest, and while an
    earlier one is under way.
    """
    run = await _lock_run(conn, organisation_id, run_id)
    if run.status not in {"failed", "cancelled"}:
        raise Conflict(f"only a failed or cancelled run can be tried again; this one is {run.status}")
    if not run.latest:
        raise Conflict("a later run of the activity exists: provision the activity anew instead")
    if run.lane_busy:
        raise Conflict("an earlier run of the activity is not finished: try again when it is")
    await conn.execute(
        sa.text(
            """
            UPDATE run SET status = 'running', started_at = coalesce(started_at, clock_timestamp()),
                finished_at = NULL, cancel_requested_at = NULL, on_record_error = coalesce(:policy, on_record_error)
            WHERE id = :run
            """
        ).bindparams(sa.bindparam("policy", type_=sa.Text)),
        {"run": run_id, "policy": on_record_error},
    )
    await conn.execute(
        sa.text(
            """
            UPDATE job SET status = 'waiting', finished_at = NULL, error = NULL, attempt = 0, losses = 0,
                fault_since = NULL, contact_at = NULL
            WHERE run_id = :run AND status IN ('failed', 'blocked', 'cancelled')
            """
        ),
        {"run": run_id},
    )
    await conn.execute(
        sa.text(
            """
            UPDATE record SET status = 'pending', completed_at = NULL, received = NULL, due_at = NULL,
                fault_since = NULL, max_together = NULL,
                -- what the roster's own reading found stays; what the earlier try said of it goes
                remarks = (SELECT jsonb_agg(r) FROM jsonb_array_elements(remarks) r WHERE r ? 'pointer')
            FROM job
            WHERE job.run_id = :run AND job.status = 'waiting' AND record.organisation_id = job.organisation_id
                AND record.job_id = job.id AND record.status IN ('error', 'skipped')
            """
        ),
        {"run": run_id},
    )
    await conn.execute(
        sa.text(f"UPDATE job SET {COUNT_RECORDS} WHERE run_id = :run AND status = 'waiting'"),  # noqa: S608
        {"run": run_id},
    )
    first = await conn.scalar(
        sa.text("SELECT min(position) FROM job WHERE run_id = :run AND status = 'waiting'"), {"run": run_id}
    )
    assert first is not None, "a failed or cancelled run has an unfinished job"  # noqa: S101
    return await _queue_job(conn, run_id, first)


async def _lock_lane(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> None:
    found = await conn.scalar(
        sa.text("SELECT id FROM activity WHERE organisation_id = :organisation AND id = :activity FOR NO KEY UPDATE"),
        {"organisation": organisation_id, "activity": activity_id},
    )
    if found is None:
        raise NotFound("there is no such activity")


async def _lock_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> sa.Row[Any]:
    activity_id = await conn.scalar(
        sa.text("SELECT activity_id FROM run WHERE id = :run AND organisation_id = :organisation"),
        {"run": run_id, "organisation": organisation_id},
    )
    if activity_id is None:
        raise NotFound("there is no such run")
    await _lock_lane(conn, organisation_id, activity_id)
    return (
        await conn.execute(
            sa.text(
                """
                SELECT run.status, run.activity_id, run.sequence = activity.last_sequence AS latest,
                    EXISTS (
                        SELECT FROM run other WHERE other.organisation_id = run.organisation_id
                            AND other.activity_id = run.activity_id AND other.status IN ('queued', 'running')
                    ) AS lane_busy
                FROM run JOIN activity
                    ON activity.organisation_id = run.organisation_id AND activity.id = run.activity_id
                WHERE run.id = :run FOR NO KEY UPDATE OF run
                """
            ),
            {"run": run_id},
        )
    ).one()


async def _queue_job(conn: AsyncConnection, run_id: UUID, position: int) -> list[Ring]:
    queued = await conn.execute(
        sa.text(
            """
            UPDATE job SET status = 'queued', due_at = clock_timestamp(), ring = ring + 1, rung_at = clock_timestamp()
            WHERE run_id = :run AND position = :position RETURNING id, ring
            """
        ),
        {"run": run_id, "position": position},
    )
    return [Ring(row.id, row.ring) for row in queued]


async def _end_run(conn: AsyncConnection, run_id: UUID, status: str) -> None:
    await conn.execute(
        sa.text("UPDATE run SET status = :status, finished_at = clock_timestamp() WHERE id = :run"),
        {"status": status, "run": run_id},
    )
