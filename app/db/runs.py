"""What callers ask of runs: that one begins, ends, or goes on. The activity queue carries it out.

The caller owns the transaction and sends the wake-ups that are returned, after the commit.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.activity_queue import WakeUp, end_run, lock_queue, queue_job, start_next
from app.domain.kinds import Kind
from app.errors import Conflict, NotFound

MAX_WAITING_RUNS = 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that is committed with the caller's transaction."""

    run_id: UUID
    wake_ups: list[WakeUp]


async def accept_run(
    conn: AsyncConnection,
    *,
    organisation_id: UUID,
    activity_id: UUID,
    on_record_error: str,
    key_id: UUID,
    key_name: str,
    most_waiting: int,
) -> Accepted:
    """Freezes which objects the activity's roster has into a new run, at the end of the activity's activity queue.

    Each is frozen in its latest upload in the organisation, whichever activity that is of. Digests are copied, and no
    content. Raises NotFound without the activity, Conflict when MAX_WAITING_RUNS of it wait already, or `most_waiting`
    of the organisation: some more can, where several are accepted in the same moment.
    """
    await lock_queue(conn, organisation_id, activity_id)
    waiting = (
        await conn.execute(
            sa.text(
                "SELECT count(*) FILTER (WHERE activity_id = :activity) AS here, count(*) AS together FROM run"
                " WHERE organisation_id = :organisation AND status = 'queued'"
            ),
            {"organisation": organisation_id, "activity": activity_id},
        )
    ).one()
    if waiting.here >= MAX_WAITING_RUNS:
        raise Conflict(f"{MAX_WAITING_RUNS} runs of this activity wait already: let one finish, or cancel one")
    if waiting.together >= most_waiting:
        raise Conflict(f"{most_waiting} runs of the organisation wait already: let one finish, or cancel one")
    run_id = uuid4()
    keys = {"organisation": organisation_id, "activity": activity_id, "run": run_id}
    await conn.execute(
        sa.text(
            """
            WITH queue AS (
                UPDATE activity SET last_sequence = last_sequence + 1
                WHERE organisation_id = :organisation AND id = :activity
                RETURNING last_sequence, version
            )
            INSERT INTO run (id, organisation_id, activity_id, sequence, on_record_error,
                requested_by_id, requested_by_name, roster_version)
            SELECT :run, :organisation, :activity, last_sequence, :policy, :key_id, :key_name, version FROM queue
            """
        ),
        {**keys, "policy": on_record_error, "key_id": key_id, "key_name": key_name},
    )
    await conn.execute(
        sa.text(
            """
            INSERT INTO job (id, organisation_id, activity_id, run_id, position, kind, created_at, total, pending)
            SELECT made.id, :organisation, :activity, :run, made.position, made.kind, run.created_at,
                (activity.counts ->> made.kind)::int, (activity.counts ->> made.kind)::int
            FROM unnest(CAST(:ids AS uuid[]), CAST(:positions AS int[]), CAST(:kinds AS text[]))
                AS made (id, position, kind), run, activity
            WHERE run.id = :run AND activity.organisation_id = :organisation AND activity.id = :activity
            """
        ),
        {
            **keys,
            "ids": [uuid4() for _ in Kind],
            "positions": [kind.position for kind in Kind],
            "kinds": [kind.value for kind in Kind],
        },
    )
    await conn.execute(
        sa.text(
            """
            INSERT INTO record (organisation_id, job_id, object_id, run_id, kind, ordinal, source, outgoing, upload,
                refs, protected, sendable, issues)
            SELECT item.organisation_id, job.id, item.object_id, job.run_id, item.kind, item.ordinal, latest.source,
                latest.outgoing, latest.upload, latest.refs, latest.protected, latest.sendable, latest.issues
            FROM activity CROSS JOIN LATERAL (
                -- a range is taken to be narrow: of how many rosters there were, old statistics know too little
                SELECT * FROM roster_item WHERE roster_id BETWEEN activity.roster_id AND activity.roster_id OFFSET 0
            ) item CROSS JOIN LATERAL (
                SELECT * FROM roster_item other
                WHERE other.organisation_id = item.organisation_id AND other.object_id = item.object_id
                    AND other.kind = item.kind
                ORDER BY other.upload DESC LIMIT 1
            ) latest
            JOIN job ON job.run_id = :run AND job.kind = item.kind
            WHERE activity.organisation_id = :organisation AND activity.id = :activity
            """
        ),
        keys,
    )
    return Accepted(run_id, await start_next(conn, organisation_id, activity_id))


async def cancel_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> list[WakeUp]:
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
            UPDATE job SET due_at = CASE WHEN holder IS NULL THEN clock_timestamp() ELSE due_at END,
                wake_up = wake_up + 1, notified_at = clock_timestamp(), fence = claim
            WHERE run_id = :run AND status = 'running' RETURNING id, wake_up, held_egresses() AS egresses
            """
        ),
        {"run": run_id},
    )
    if wake_ups := [WakeUp(row.id, row.wake_up, egresses=tuple(row.egresses)) for row in under_way]:
        return wake_ups
    await end_run(conn, run_id, "cancelled")
    return await start_next(conn, organisation_id, run.activity_id)


async def retry_run(
    conn: AsyncConnection, organisation_id: UUID, run_id: UUID, on_record_error: str | None
) -> list[WakeUp]:
    """Lets a failed or cancelled run go on from its first unfinished job, with what has not succeeded.

    Raises NotFound, and Conflict for a run in another state, for one that is not its activity's latest, and while an
    earlier one is under way.
    """
    run = await _lock_run(conn, organisation_id, run_id)
    if run.status not in {"failed", "cancelled"}:
        raise Conflict(f"only a failed or cancelled run can be tried again; this one is {run.status}")
    if not run.latest:
        raise Conflict("a later run of the activity exists: provision the activity anew instead")
    if run.queue_busy:
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
            UPDATE job SET status = 'waiting', finished_at = NULL, error = NULL, attempt = 0, worker_deaths = 0,
                sole_deaths = 0, suspect_since = NULL,
                tried_for = '0', failed_at = NULL, planned_wait = NULL, last_accepted_at = NULL
            WHERE run_id = :run AND status IN ('failed', 'blocked', 'cancelled')
            """
        ),
        {"run": run_id},
    )
    # What Skolverket holds is asked anew of those that fail again.
    await conn.execute(
        sa.text(
            "DELETE FROM at_target WHERE job_id = ANY (ARRAY("
            "SELECT id FROM job WHERE run_id = :run AND status = 'waiting'))"
        ),
        {"run": run_id},
    )
    await conn.execute(
        sa.text(
            """
            UPDATE record SET status = 'pending', completed_at = NULL, received = NULL, due_at = NULL,
                tried_for = NULL, failed_at = NULL, planned_wait = NULL, max_together = NULL,
                -- what the roster's own reading found stays; what the earlier try said of it goes
                issues = (SELECT jsonb_agg(r) FROM jsonb_array_elements(issues) r WHERE r ? 'pointer')
            FROM job
            WHERE job.run_id = :run AND job.status = 'waiting' AND record.run_id = :run
                AND record.kind = job.kind AND record.status IN ('error', 'skipped')
            """
        ),
        {"run": run_id},
    )
    first = await conn.scalar(
        sa.text("SELECT min(position) FROM job WHERE run_id = :run AND status = 'waiting'"), {"run": run_id}
    )
    assert first is not None, "a failed or cancelled run has an unfinished job"  # noqa: S101
    return await queue_job(conn, run_id, first)


async def _lock_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> sa.Row[Any]:
    activity_id = await conn.scalar(
        sa.text("SELECT activity_id FROM run WHERE id = :run AND (organisation_id = :organisation) IS TRUE"),
        {"run": run_id, "organisation": organisation_id},
    )
    if activity_id is None:
        raise NotFound("there is no such run")
    await lock_queue(conn, organisation_id, activity_id)
    return (
        await conn.execute(
            sa.text(
                """
                SELECT run.status, run.activity_id, run.sequence = activity.last_sequence AS latest,
                    EXISTS (
                        SELECT FROM run other WHERE other.organisation_id = run.organisation_id
                            AND other.activity_id = run.activity_id AND other.status IN ('queued', 'running')
                    ) AS queue_busy
                FROM run JOIN activity
                    ON activity.organisation_id = run.organisation_id AND activity.id = run.activity_id
                WHERE run.id = :run FOR NO KEY UPDATE OF run
                """
            ),
            {"run": run_id},
        )
    ).one()
