"""What callers read of activities, runs and jobs. Every function is scoped to one organisation first of all.

Lists are read by the key of their order, with one row more than asked for: it tells that there is a next page.
`made_by` narrows a list to the runs that one key has made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.tables import activity, job, run

Row = sa.RowMapping


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a list of jobs is narrowed to."""

    activity_id: UUID | None = None
    run_id: UUID | None = None
    stage: str | None = None
    status: str | None = None
    created_after: datetime | None = None


def snapshots(engine: AsyncEngine) -> AsyncEngine:
    """Gives the same engine for reading: all statements of a transaction see one state, and none can write."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


async def find_activity(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> Row | None:
    """Gives an activity with its last run's columns under `run_`."""
    return (
        (await conn.execute(_activities(organisation_id).where(activity.c.id == activity_id))).mappings().one_or_none()
    )


async def list_activities(
    conn: AsyncConnection, organisation_id: UUID, *, after: tuple[Any, ...] | None, limit: int
) -> Sequence[Row]:
    """Lists activities, newest first by (created_at, id)."""
    query = _activities(organisation_id).order_by(activity.c.created_at.desc(), activity.c.id.desc())
    if after is not None:
        query = query.where(_before((activity.c.created_at, activity.c.id), after))
    return (await conn.execute(query.limit(limit + 1))).mappings().all()


async def roster_version(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> int | None:
    """Gives the number of an activity's roster, or None without the activity."""
    return await conn.scalar(
        sa.select(activity.c.version).where(activity.c.organisation_id == organisation_id, activity.c.id == activity_id)
    )


async def find_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> Row | None:
    """Gives a run."""
    query = sa.select(run).where(run.c.organisation_id == organisation_id, run.c.id == run_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def list_runs(
    conn: AsyncConnection,
    organisation_id: UUID,
    activity_id: UUID,
    *,
    made_by: UUID | None,
    before: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row]:
    """Lists an activity's runs, newest first by sequence."""
    query = (
        sa.select(run)
        .where(run.c.organisation_id == organisation_id, run.c.activity_id == activity_id)
        .order_by(run.c.sequence.desc())
    )
    if made_by is not None:
        query = query.where(run.c.requested_by_id == made_by)
    if before is not None:
        query = query.where(run.c.sequence < before[0])
    return (await conn.execute(query.limit(limit + 1))).mappings().all()


async def jobs_of(conn: AsyncConnection, organisation_id: UUID, run_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """Gives the four jobs of each of these runs, in order."""
    ids = list(run_ids)
    query = (
        sa.select(job)
        .where(job.c.organisation_id == organisation_id, job.c.run_id.in_(ids))
        .order_by(job.c.run_id, job.c.position)
    )
    found: dict[UUID, list[Row]] = {run_id: [] for run_id in ids}
    for row in (await conn.execute(query)).mappings():
        found[row["run_id"]].append(row)
    return found


async def find_job(conn: AsyncConnection, organisation_id: UUID, job_id: UUID) -> Row | None:
    """Gives a job and, as requested_by_id, the key that made its run."""
    query = (
        sa.select(job, run.c.requested_by_id)
        .join(run, run.c.id == job.c.run_id)
        .where(job.c.organisation_id == organisation_id, job.c.id == job_id)
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def list_jobs(
    conn: AsyncConnection,
    organisation_id: UUID,
    wanted: JobFilter,
    *,
    made_by: UUID | None,
    after: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row]:
    """Lists jobs across the organisation, newest run first, its jobs in order: by (created_at, run_id, -position)."""
    query = (
        sa.select(job)
        .where(job.c.organisation_id == organisation_id)
        .order_by(job.c.created_at.desc(), job.c.run_id.desc(), (-job.c.position).desc())
    )
    narrowed = asdict(wanted)
    created_after = narrowed.pop("created_after")
    for column, value in narrowed.items():
        if value is not None:
            query = query.where(job.c[column] == value)
    if created_after is not None:
        query = query.where(job.c.created_at > created_after)
    if made_by is not None:
        mine = sa.select(run.c.id).where(run.c.id == job.c.run_id, run.c.requested_by_id == made_by)
        query = query.where(mine.exists())
    if after is not None:
        created_at, run_id, position = after
        query = query.where(_before((job.c.created_at, job.c.run_id, -job.c.position), (created_at, run_id, -position)))
    return (await conn.execute(query.limit(limit + 1))).mappings().all()


async def backlog(conn: AsyncConnection) -> tuple[Sequence[Row], Row]:
    """Counts all organisations' jobs by stage and status; and what is due: how many, the oldest's age in seconds."""
    counted = await conn.execute(sa.text("SELECT stage, status, count(*) AS jobs FROM job GROUP BY stage, status"))
    due = await conn.execute(
        sa.text(
            """
            SELECT count(*) AS jobs,
                coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float AS oldest
            FROM job
            WHERE status IN ('queued', 'running') AND due_at <= clock_timestamp()
                AND (lease_until IS NULL OR lease_until < clock_timestamp())
            """
        )
    )
    return counted.mappings().all(), due.mappings().one()


def _activities(organisation_id: UUID) -> sa.Select[*tuple[Any, ...]]:
    last = (
        sa.select(run)
        .where(run.c.organisation_id == activity.c.organisation_id, run.c.activity_id == activity.c.id)
        .order_by(run.c.sequence.desc())
        .limit(1)
        .lateral("last")
    )
    of_run = [column.label(f"run_{column.name}") for column in last.c]
    return sa.select(activity, *of_run).outerjoin(last, sa.true()).where(activity.c.organisation_id == organisation_id)


def _before(columns: tuple[sa.ColumnElement[Any], ...], key: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    """Compares whole rows, so that an index on the columns serves it."""
    values = (sa.literal(value, column.type) for column, value in zip(columns, key, strict=True))
    return sa.tuple_(*columns) < sa.tuple_(*values)
