"""What callers read of activities, runs and jobs. Every function is scoped to one organisation first of all.

Lists are read by the key of their order, with one row more than asked for: it tells that there is a next page.
`made_by` narrows a list to the runs that one key has made.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.schema import activity, job, run
from app.domain.diagnosis import TOKEN_FAILED_WITHIN
from app.domain.kinds import Kind

Row = sa.RowMapping
# A run, and its jobs in order.
RunWithJobs = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]


def _of_activity(column: sa.Column[Any]) -> sa.Label[Any]:
    """Looks a run's activity up by its key, whatever the statistics say."""
    found = sa.select(column).where(
        activity.c.organisation_id == run.c.organisation_id, activity.c.id == run.c.activity_id
    )
    return found.scalar_subquery().label(f"activity_{column.name}")


# What is shown of a run: it goes by the name of its activity, whose version grows with each change of that.
_RUN = (*run.c, _of_activity(activity.c.display_name), _of_activity(activity.c.version))


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a list of jobs is narrowed to."""

    activity_id: UUID | None = None
    run_id: UUID | None = None
    kind: str | None = None
    status: str | None = None
    outcome: str | None = None
    created_after: datetime | None = None


def snapshots(engine: AsyncEngine) -> AsyncEngine:
    """Gives the same engine for reading: all statements of a transaction see one state, and none can write."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def single_statements(engine: AsyncEngine) -> AsyncEngine:
    """Gives the same engine for reads of one statement: it sees one state by itself, and takes one round trip."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


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
    return (await conn.execute(query.limit(_known(limit + 1)))).mappings().all()


async def roster_version(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> int | None:
    """Gives the number of an activity's roster, or None without the activity."""
    return await conn.scalar(
        sa.select(activity.c.version).where(
            activity.c.organisation_id == organisation_id,
            activity.c.id == activity_id,
            activity.c.deleted_at.is_(None),
        )
    )


async def activity_names(conn: AsyncConnection, organisation_id: UUID, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Gives the names of those of these activities that are there."""
    query = sa.select(activity.c.id, activity.c.display_name).where(
        activity.c.organisation_id == organisation_id, activity.c.id.in_(list(ids)), activity.c.deleted_at.is_(None)
    )
    return {row.id: row.display_name for row in await conn.execute(query)}


async def find_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> Row | None:
    """Gives a run."""
    query = sa.select(*_RUN).where(_belongs(run, organisation_id), run.c.id == run_id)
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
        sa.select(*_RUN)
        .where(run.c.organisation_id == organisation_id, run.c.activity_id == activity_id)
        .order_by(run.c.sequence.desc())
    )
    if made_by is not None:
        query = query.where(run.c.requested_by_id == made_by)
    if before is not None:
        query = query.where(run.c.sequence < before[0])
    return (await conn.execute(query.limit(_known(limit + 1)))).mappings().all()


async def jobs_of(conn: AsyncConnection, organisation_id: UUID, run_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """Gives the four jobs of each of these runs, in order."""
    ids = list(run_ids)
    query = (
        sa.select(job)
        .where(_belongs(job, organisation_id), job.c.run_id.in_(ids))
        .order_by(job.c.run_id, job.c.position)
    )
    found: dict[UUID, list[Row]] = {run_id: [] for run_id in ids}
    for row in (await conn.execute(query)).mappings():
        found[row["run_id"]].append(row)
    return found


async def find_run_with_jobs(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> RunWithJobs | None:
    """Gives a run and its jobs."""
    return await _run_with_jobs(conn, organisation_id, sa.literal(run_id, run.c.id.type))


async def find_run_of_job(conn: AsyncConnection, organisation_id: UUID, job_id: UUID) -> RunWithJobs | None:
    """Gives the run that a job belongs to, and its jobs."""
    return await _run_with_jobs(
        conn, organisation_id, sa.select(job.c.run_id).where(job.c.id == job_id).scalar_subquery()
    )


async def find_job(conn: AsyncConnection, organisation_id: UUID, job_id: UUID) -> Row | None:
    """Gives a job and, as requested_by_id, the key that made its run."""
    query = (
        sa.select(job, run.c.requested_by_id)
        .join(run, run.c.id == job.c.run_id)
        .where(_belongs(job, organisation_id), job.c.id == job_id)
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
    """Lists jobs across the organisation, newest run first, its jobs in order: by (created_at, run_id, -position).

    Each has the columns of its run under `run_`.
    """
    mine = job.c.organisation_id == organisation_id
    if wanted.run_id is not None or made_by is not None:
        # Not the index of the organisation's whole history, then, but that of runs.
        mine = _belongs(job, organisation_id)
    query = sa.select(job).where(mine)
    newest_first = (job.c.created_at.desc(), job.c.run_id.desc(), (-job.c.position).desc())
    narrowed = asdict(wanted)
    created_after = narrowed.pop("created_after")
    for column, value in narrowed.items():
        if value is not None:
            same = job.c[column] == value
            # Of an activity's jobs, that is, and not of all that are in such a state.
            query = query.where(same.is_(sa.true()) if column == "status" and wanted.activity_id is not None else same)
    if created_after is not None:
        query = query.where(job.c.created_at > created_after)
    if made_by is not None:
        query = query.join(run, run.c.id == job.c.run_id).where(
            run.c.organisation_id == organisation_id, run.c.requested_by_id == made_by
        )
        # A run's jobs were made with it.
        newest_first = (run.c.created_at.desc(), run.c.id.desc(), (-job.c.position).desc())
        if after is not None:
            query = query.where(run.c.created_at <= after[0])
    if after is not None:
        created_at, run_id, position = after
        query = query.where(_before((job.c.created_at, job.c.run_id, -job.c.position), (created_at, run_id, -position)))
    listed = query.order_by(*newest_first).limit(_known(limit + 1)).subquery("listed")
    # Not a join, which could read all runs: a look by the key for each job of the page.
    of_run = (
        sa.select(*(column.label(f"run_{column.name}") for column in _RUN if column is not run.c.id))
        .where(run.c.id == listed.c.run_id)
        .offset(sa.literal_column("0"))
        .lateral("of_run")
    )
    page = sa.select(listed, of_run).join(of_run, sa.true())
    page = page.order_by(listed.c.created_at.desc(), listed.c.run_id.desc(), listed.c.position)
    return (await conn.execute(page)).mappings().all()


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

    A run is under way as long as one of its jobs is live.
    """
    counted = await conn.execute(
        # The OFFSET keeps this a look at four jobs a run, whatever the statistics say.
        sa.text(
            """
            SELECT live.kind, live.status, count(*) AS jobs FROM (
                SELECT DISTINCT run_id FROM live_jobs()
            ) under_way CROSS JOIN LATERAL (
                SELECT kind, status FROM job WHERE job.run_id = under_way.run_id OFFSET 0
            ) live
            WHERE live.status IN ('waiting', 'queued', 'running')
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
    jobs = {(kind.value, status): 0 for kind in Kind for status in ("waiting", "queued", "running")}
    jobs |= {(row.kind, row.status): row.jobs for row in counted}
    # A run that waits has four jobs that wait.
    for kind in Kind:
        jobs[kind.value, "waiting"] += figures["runs_waiting"]
    return Backlog(jobs=jobs, **figures, held_back={kind: max(0.0, ahead) for kind, ahead in pauses.one().items()})


async def _run_with_jobs(
    conn: AsyncConnection, organisation_id: UUID, run_id: sa.ColumnElement[UUID]
) -> RunWithJobs | None:
    of_run = [column.label(f"run_{column.name}") for column in _RUN]
    query = (
        sa.select(*of_run, *(column.label(f"job_{column.name}") for column in job.c))
        .join(job, job.c.run_id == run.c.id)
        .where(_belongs(run, organisation_id), run.c.id == run_id)
        .order_by(job.c.position)
    )
    rows = (await conn.execute(query)).mappings().all()
    if not rows:
        return None
    jobs = [{column.name: row[f"job_{column.name}"] for column in job.c} for row in rows]
    return {column.name: rows[0][f"run_{column.name}"] for column in _RUN}, jobs


def _known(limit: int) -> sa.BindParameter[int]:
    """Writes a limit into the statement: of one that it does not know, a planner expects a tenth of all rows."""
    return sa.bindparam(None, limit, literal_execute=True)


def _belongs(table: sa.Table, organisation_id: UUID) -> sa.ColumnElement[bool]:
    """Checks whose a row is that another key finds: in this form no index of the organisation's rows can serve it."""
    return (table.c.organisation_id == organisation_id).is_(sa.true())


def _activities(organisation_id: UUID) -> sa.Select[*tuple[Any, ...]]:
    last = (
        sa.select(run)
        .where(run.c.organisation_id == activity.c.organisation_id, run.c.activity_id == activity.c.id)
        .order_by(run.c.sequence.desc())
        .limit(1)
        .lateral("last")
    )
    of_run = [column.label(f"run_{column.name}") for column in last.c]
    return (
        sa.select(activity, *of_run)
        .outerjoin(last, sa.true())
        .where(activity.c.organisation_id == organisation_id, activity.c.deleted_at.is_(None))
    )


def _before(columns: tuple[sa.ColumnElement[Any], ...], key: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    """Compares whole rows, so that an index on the columns serves it."""
    values = (sa.literal(value, column.type) for column, value in zip(columns, key, strict=True))
    return sa.tuple_(*columns) < sa.tuple_(*values)
