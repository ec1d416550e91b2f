"""What callers read of activities, and of one run or job. Every function is scoped to one organisation first of all.

Lists are read by the key of their order, with one row more than asked for: it tells that there is a next page.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.cipher import OrganisationCipher
from app.db.engine import by_themselves
from app.db.free_text import name_place
from app.db.schema import activity, job, pause, roster, run

Row = sa.RowMapping
# A run, and its jobs in order.
RunWithJobs = tuple[Mapping[str, Any], list[Mapping[str, Any]]]
# What statements that are written once call the organisation.
_OF = "of_organisation"
# And the key whose runs alone are read.
_BY = "made_by_key"


def _of_activity(shown: sa.ColumnElement[Any], name: str) -> sa.Label[Any]:
    """Looks a run's activity up by its key, whatever the statistics say."""
    found = sa.select(shown).where(
        activity.c.organisation_id == run.c.organisation_id, activity.c.id == run.c.activity_id
    )
    return found.scalar_subquery().label(f"activity_{name}")


def _of_pause(column: sa.Column[Any]) -> sa.Label[Any]:
    """Looks up what of the pause that keeps a run is shown."""
    return sa.select(column).where(pause.c.id == run.c.pause_id).scalar_subquery().label(f"pause_{column.name}")


# What is shown of a run: it goes by the name of its activity, None once that is deleted, and a version grows with both.
# That name, and an organisation's reason for a pause, are sealed.
RUN_COLUMNS = (
    *run.c,
    _of_activity(activity.c.display_name_sealed, "display_name_sealed"),
    _of_activity(activity.c.shown_version, "version"),
    *map(_of_pause, (pause.c.since, pause.c.reason, pause.c.reason_sealed, pause.c.by)),
)
RUN_LABELLED = tuple(column.label(f"run_{column.name}") for column in RUN_COLUMNS)
# What is shown of a job, and its place among all changes: what only the engine knows is as much again.
_OF_JOB = (
    *("id", "run_id", "activity_id", "position", "kind", "action", "status", "outcome", "version", "changed_in"),
    *("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped"),
    *("attempt", "created_at", "started_at", "finished_at", "stop_at_errors", "error"),
)
JOB_COLUMNS = tuple(job.c[name] for name in _OF_JOB)
JOB_LABELLED = tuple(column.label(f"job_{column.name}") for column in JOB_COLUMNS)
_RUN_NAMES = tuple(column.name for column in RUN_COLUMNS)
_run_values = itemgetter(*(column.name for column in RUN_LABELLED))
_job_values = itemgetter(*(column.name for column in JOB_LABELLED))


def snapshots(engine: AsyncEngine) -> AsyncEngine:
    """Gives the same engine for reading: all statements of a transaction see one state, and none can write."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def single_statements(engine: AsyncEngine) -> AsyncEngine:
    """Gives the same engine for reads of one statement: it sees one state by itself, and takes one round trip."""
    return by_themselves(engine)


async def find_activity(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, *, made_by: UUID | None
) -> Row | None:
    """Gives an activity with its last run's columns under `run_`: with `made_by` the last that this key has made."""
    query = _activities(narrowed=made_by is not None).where(activity.c.id == activity_id)
    return (await conn.execute(query, {_OF: organisation_id, _BY: made_by})).mappings().one_or_none()


async def list_activities(
    conn: AsyncConnection,
    organisation_id: UUID,
    *,
    made_by: UUID | None,
    after: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row]:
    """Lists activities as `find_activity` gives them, newest first by (created_at, id)."""
    query = _activities(narrowed=made_by is not None).order_by(activity.c.created_at.desc(), activity.c.id.desc())
    if after is not None:
        query = query.where(before((activity.c.created_at, activity.c.id), after))
    given = {_OF: organisation_id, _BY: made_by}
    return (await conn.execute(query.limit(known_limit(limit + 1)), given)).mappings().all()


async def newest_activities(conn: AsyncConnection, cipher: OrganisationCipher, limit: int) -> dict[UUID, str]:
    """Gives the names of so many activities of the cipher's organisation, those that came last."""
    query = (
        sa.select(activity.c.id, activity.c.display_name_sealed)
        .where(activity.c.organisation_id == cipher.organisation_id, activity.c.deleted_at.is_(None))
        .order_by(activity.c.created_at.desc(), activity.c.id.desc())
        .limit(known_limit(limit))
    )
    return _names(cipher, await conn.execute(query))


async def roster_version(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> int | None:
    """Gives the number of an activity's roster, or None without the activity."""
    return await conn.scalar(
        sa.select(activity.c.version).where(
            activity.c.organisation_id == organisation_id,
            activity.c.id == activity_id,
            activity.c.deleted_at.is_(None),
        )
    )


async def activity_names(conn: AsyncConnection, cipher: OrganisationCipher, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Gives the names of those of these activities of the cipher's organisation that are there."""
    query = sa.select(activity.c.id, activity.c.display_name_sealed).where(
        activity.c.organisation_id == cipher.organisation_id,
        activity.c.id.in_(list(ids)),
        activity.c.deleted_at.is_(None),
    )
    return _names(cipher, await conn.execute(query))


async def runs_going_on(conn: AsyncConnection, organisation_id: UUID, activity_ids: Iterable[UUID]) -> Sequence[Row]:
    """Gives of each of these activities the run that goes on, where there is one: its id, how it stands, since when."""
    query = sa.text(
        """
        SELECT going.* FROM unnest(CAST(:activities AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
            SELECT activity_id, id, status, outcome, created_at FROM run
            WHERE run.organisation_id = :organisation AND run.activity_id = wanted.id AND status IN ('running', 'held')
            OFFSET 0
        ) going
        """
    )
    given = {"organisation": organisation_id, "activities": list(activity_ids)}
    return (await conn.execute(query, given)).mappings().all()


async def find_run_with_jobs(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> RunWithJobs | None:
    """Gives a run and its jobs."""
    return await _run_with_jobs(conn, organisation_id, sa.literal(run_id, run.c.id.type))


async def find_run_of_job(conn: AsyncConnection, organisation_id: UUID, job_id: UUID) -> RunWithJobs | None:
    """Gives the run that a job belongs to, and its jobs."""
    return await _run_with_jobs(
        conn, organisation_id, sa.select(job.c.run_id).where(job.c.id == job_id).scalar_subquery()
    )


async def newer_roster_version(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> int | None:
    """Gives the version of a run's activity when its roster is a later one than the run has frozen; else None.

    A new name alone is a new version, and no later roster.
    """
    uploaded = sa.select(roster.c.version).where(
        roster.c.organisation_id == activity.c.organisation_id, roster.c.id == activity.c.roster_id
    )
    newer = sa.select(activity.c.version).where(
        activity.c.organisation_id == run.c.organisation_id,
        activity.c.id == run.c.activity_id,
        activity.c.deleted_at.is_(None),
        uploaded.scalar_subquery() > run.c.roster_version,
    )
    # Each is found by its key, whatever the statistics say.
    query = sa.select(newer.scalar_subquery()).where(belongs(run, organisation_id), run.c.id == run_id)
    return await conn.scalar(query)


async def find_job(conn: AsyncConnection, organisation_id: UUID, job_id: UUID) -> Row | None:
    """Gives a job and, as requested_by_id, the key that made its run."""
    query = (
        sa.select(job, run.c.requested_by_id)
        .join(run, run.c.id == job.c.run_id)
        .where(belongs(job, organisation_id), job.c.id == job_id)
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def _run_with_jobs(
    conn: AsyncConnection, organisation_id: UUID, run_id: sa.ColumnElement[UUID]
) -> RunWithJobs | None:
    query = (
        sa.select(*RUN_LABELLED, *JOB_LABELLED)
        .join(job, job.c.run_id == run.c.id)
        .where(belongs(run, organisation_id), run.c.id == run_id)
        .order_by(job.c.position)
    )
    found = runs_with_jobs((await conn.execute(query)).mappings().all())
    return found[0] if found else None


def _names(cipher: OrganisationCipher, rows: Iterable[sa.Row[Any]]) -> dict[UUID, str]:
    return {row.id: cipher.open(bytes(row.display_name_sealed), name_place(row.id)).decode() for row in rows}


def runs_with_jobs(rows: Sequence[Row]) -> list[RunWithJobs]:
    """Reads runs with their jobs, of which each row has one of either, under `run_` and `job_`."""
    found: dict[UUID, RunWithJobs] = {}
    for row in rows:
        run_id = row["run_id"]
        if run_id not in found:
            found[run_id] = (dict(zip(_RUN_NAMES, _run_values(row), strict=True)), [])
        found[run_id][1].append(dict(zip(_OF_JOB, _job_values(row), strict=True)))
    return list(found.values())


def known_limit(limit: int) -> sa.BindParameter[int]:
    """Writes a limit into the statement: of one that it does not know, a planner expects a tenth of all rows."""
    return sa.bindparam(None, limit, literal_execute=True)


def belongs(table: sa.Table, organisation_id: UUID) -> sa.ColumnElement[bool]:
    """Checks whose a row is that another key finds: in this form no index of the organisation's rows can serve it."""
    return (table.c.organisation_id == organisation_id).is_(sa.true())


@cache
def _activities(*, narrowed: bool) -> sa.Select[*tuple[Any, ...]]:
    """Writes what activities are read by, once: SQLAlchemy takes longer for that than Postgres for the rows."""
    newest = (
        sa.select(run)
        .where(run.c.organisation_id == activity.c.organisation_id, run.c.activity_id == activity.c.id)
        .order_by(run.c.sequence.desc())
        .limit(1)
    )
    if narrowed:
        newest = newest.where(run.c.requested_by_id == sa.bindparam(_BY, type_=run.c.requested_by_id.type))
    last = newest.lateral("last")
    of_run = [column.label(f"run_{column.name}") for column in last.c]
    return (
        sa.select(activity, *of_run)
        .outerjoin(last, sa.true())
        .where(activity.c.organisation_id == sa.bindparam(_OF), activity.c.deleted_at.is_(None))
    )


def before(columns: Sequence[sa.ColumnElement[Any]], key: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    """Compares whole rows, so that an index on the columns serves it."""
    values = (sa.literal(value, column.type) for column, value in zip(columns, key, strict=True))
    return sa.tuple_(*columns) < sa.tuple_(*values)
