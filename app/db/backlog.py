"""What is under way over all organisations, for figures: counts and times alone."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.diagnosis import TOKEN_FAILED_WITHIN
from app.domain.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is under way over all organisations, and what keeps it: figures only. Times are in seconds."""

    # Unfinished jobs by (kind, status).
    jobs: dict[tuple[str, str], int]
    queues_held: int
    runs_waiting: int
    due: int
    oldest_due: float
    jobs_held: int
    faulty: int
    oldest_fault: float
    tokens_failing: int
    # By kind of call.
    held_back: dict[str, float]


async def backlog(conn: AsyncConnection) -> Backlog:
    """Counts what is under way, over the partial indexes of live jobs and queued runs: finished ones cost nothing.

    A run is under way as long as one of its jobs is live or held.
    """
    counted = await conn.execute(
        # The OFFSET keeps this a look at four jobs a run, whatever the statistics say.
        sa.text(
            """
            SELECT live.kind, live.status, count(*) AS jobs FROM (
                SELECT run_id FROM live_jobs() UNION SELECT run_id FROM paused_jobs()
            ) under_way CROSS JOIN LATERAL (
                SELECT kind, status FROM job WHERE job.run_id = under_way.run_id OFFSET 0
            ) live
            WHERE live.status IN ('waiting', 'queued', 'running', 'held')
            GROUP BY live.kind, live.status
            """
        )
    )
    figures = (
        (
            await conn.execute(
                sa.text(
                    """
                    SELECT count(DISTINCT run_id) AS queues_held,
                        (SELECT count(*) FROM run WHERE status = 'queued') AS runs_waiting,
                        count(*) FILTER (WHERE free AND due_at <= now) AS due,
                        coalesce(extract(epoch FROM now - min(due_at) FILTER (WHERE free AND due_at <= now)), 0)::float
                            AS oldest_due,
                        count(holder) AS jobs_held,
                        count(failed_at) AS faulty,
                        coalesce(extract(epoch FROM max(tried_for)), 0)::float AS oldest_fault,
                        (
                            SELECT count(DISTINCT organisation_id) FROM access_token WHERE failure IS NOT NULL
                                AND failed_at > now - :lately AND (expires_at IS NULL OR expires_at < now)
                        ) AS tokens_failing
                    FROM (SELECT clock_timestamp() AS now) clock LEFT JOIN LATERAL (
                        SELECT run_id, due_at, holder, failed_at, tried_for, holder IS NULL AS free FROM live_jobs()
                    ) live ON true
                    GROUP BY now
                    """
                ),
                {"lately": TOKEN_FAILED_WITHIN},
            )
        )
        .mappings()
        .one()
    )
    pauses = (
        await conn.execute(
            sa.text(
                """
                SELECT coalesce(extract(epoch FROM max(calls_paused_until) - clock_timestamp()), 0)::float AS calls,
                    coalesce(extract(epoch FROM max(reads_paused_until) - clock_timestamp()), 0)::float AS reads
                FROM egress
                """
            )
        )
    ).mappings()
    jobs = {(kind.value, status): 0 for kind in Kind for status in ("waiting", "queued", "running", "held")}
    jobs |= {(row.kind, row.status): row.jobs for row in counted}
    # A run that waits has four jobs that wait.
    for kind in Kind:
        jobs[kind.value, "waiting"] += figures["runs_waiting"]
    return Backlog(jobs=jobs, **figures, held_back={kind: max(0.0, ahead) for kind, ahead in pauses.one().items()})
