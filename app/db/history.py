"""The history across an organisation: lists of runs and of jobs, the newest first, narrowed to some.

Every list is a walk along an index for each value that it is narrowed to (an activity, a key, a state), as far as a
page goes, and the first of all these: so nothing is read that is not wanted, whatever the statistics say.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.reads import (
    JOB_COLUMNS,
    JOB_LABELLED,
    RUN_LABELLED,
    Row,
    RunWithJobs,
    before,
    belongs,
    known_limit,
    runs_with_jobs,
)
from app.db.schema import job, run
from app.domain.kinds import Kind
from app.domain.lifecycle import FINISHED_JOB, FINISHED_RUN, JOB, RUN, states_wanted

_Condition = sa.ColumnElement[bool]
_NO_OFFSET: Final[sa.ColumnElement[int]] = sa.literal_column("0")


def _looked_up(columns: Sequence[sa.Label[Any]], found: sa.ColumnElement[bool], name: str) -> sa.FromClause:
    """Makes a look by the key for each row of a page: a join could read the whole table."""
    return sa.select(*columns).where(found).offset(_NO_OFFSET).lateral(name)


# Made once: to put so many columns together takes longer than to read them. `page` is the subquery before them.
_OF_RUN: Final = _looked_up(RUN_LABELLED, run.c.id == sa.literal_column("page.id", run.c.id.type), "of_run")
_ITS_JOBS: Final = _looked_up(JOB_LABELLED, job.c.run_id == sa.literal_column("page.id", run.c.id.type), "jobs")
_RUNS: Final = sa.select(_OF_RUN, _ITS_JOBS)
_RUN_OF_JOB: Final = _looked_up(RUN_LABELLED, run.c.id == sa.literal_column("page.run_id", run.c.id.type), "of_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list of runs is narrowed to: of each field one of these, and without any all; times are exclusive."""

    activity_ids: Collection[UUID] = ()
    statuses: Collection[str] = ()
    outcomes: Collection[str] = ()
    # Keys that have asked for the runs.
    requested_by: Collection[UUID] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What a list of jobs is narrowed to: of each field one of these, and without any all; times are exclusive."""

    activity_ids: Collection[UUID] = ()
    run_ids: Collection[UUID] = ()
    kinds: Collection[str] = ()
    statuses: Collection[str] = ()
    outcomes: Collection[str] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


async def list_runs(
    conn: AsyncConnection,
    organisation_id: UUID,
    wanted: RunFilter,
    *,
    made_by: UUID | None,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[RunWithJobs]:
    """Lists runs with their jobs across the organisation, newest first by (created_at, id), with one to spare.

    `made_by` narrows it to the runs that one key has made, whatever keys are `wanted`.
    """
    keys = _keys(wanted.requested_by, made_by)
    if keys is not None and not keys:
        return []
    page = _walked(
        (run.c.created_at, run.c.id),
        (run.c.created_at, run.c.id),
        _way_of_runs(wanted, keys or ()).within(run.c.organisation_id, organisation_id),
        _created(run, wanted),
        after,
        limit,
    )
    query = _RUNS.select_from(page.join(_OF_RUN, sa.true()).join(_ITS_JOBS, sa.true()))
    query = query.order_by(page.c.created_at.desc(), page.c.id.desc(), _ITS_JOBS.c.job_position)
    return runs_with_jobs((await conn.execute(query)).mappings().all())


async def list_jobs(
    conn: AsyncConnection,
    organisation_id: UUID,
    wanted: JobFilter,
    *,
    made_by: UUID | None,
    after: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row]:
    """Lists jobs across the organisation, newest run first, its jobs in order, with one to spare.

    That is by (created_at, run_id, -position); `after` is such a key with the position as it is. Each has the columns
    of its run under `run_`. `made_by` narrows it to the jobs of the runs that one key has made.
    """
    order = (job.c.created_at, job.c.run_id, -job.c.position)
    after = None if after is None else (after[0], after[1], -after[2])
    way = _way_of_jobs(wanted)
    if made_by is not None and not (wanted.run_ids or wanted.activity_ids):
        page = _jobs_made_by(organisation_id, made_by, wanted, order, after, limit)
    else:
        # Not by the index of the organisation's whole history where that of runs is wanted.
        mine = [belongs(job, organisation_id)] if wanted.run_ids else []
        way = way if wanted.run_ids else way.within(job.c.organisation_id, organisation_id)
        its_key = sa.select(run.c.requested_by_id).where(run.c.id == job.c.run_id).scalar_subquery()
        by_key = [] if made_by is None else [(its_key == made_by).is_(sa.true())]
        page = _walked(JOB_COLUMNS, order, way, [*mine, *_created(job, wanted), *by_key], after, limit)
    of_run = (each for each in _RUN_OF_JOB.c if each.name != "run_id")
    query = sa.select(page, *of_run).select_from(page.join(_RUN_OF_JOB, sa.true()))
    query = query.order_by(page.c.created_at.desc(), page.c.run_id.desc(), page.c.position)
    return (await conn.execute(query)).mappings().all()


@dataclass(frozen=True, slots=True)
class _Way:
    """How a list is walked: once for each of `values`, which are those of the `columns`; in its order without any.

    `besides` are the conditions that each row is held against on the way.
    """

    columns: Sequence[sa.ColumnElement[Any]] = ()
    values: Sequence[tuple[Any, ...]] = ()
    besides: Sequence[_Condition] = field(default=())

    def within(self, organisation: sa.Column[UUID], organisation_id: UUID) -> "_Way":
        """Gives the way that keeps to one organisation, each of whose walks is told its id beside the other values.

        As a value of the statement it would be weighed by old statistics, to which a new organisation has no rows: an
        index that has all of its history would do as well as one that has what is walked along.
        """
        if not self.columns:
            return replace(self, besides=[organisation == organisation_id, *self.besides])
        values = [(organisation_id, *each) for each in self.values]
        return replace(self, columns=[organisation, *self.columns], values=values)


def _way_of_runs(wanted: RunFilter, keys: Collection[UUID]) -> _Way:
    in_state = [*_among(run.c.status, wanted.statuses), *_among(run.c.outcome, wanted.outcomes)]
    if wanted.activity_ids:
        by_keys = _among(run.c.requested_by_id, keys)
        return _Way([run.c.activity_id], _single(wanted.activity_ids), [*in_state, *by_keys])
    if keys:
        return _Way([run.c.requested_by_id], _single(keys), in_state)
    if wanted.statuses or wanted.outcomes:
        states = states_wanted(RUN, FINISHED_RUN, wanted.statuses, wanted.outcomes)
        return _Way([run.c.status, _outcome(run)], states)
    return _Way()


def _way_of_jobs(wanted: JobFilter) -> _Way:
    in_state = [*_among(job.c.status, wanted.statuses), *_among(job.c.outcome, wanted.outcomes)]
    of_kind = _among(job.c.kind, wanted.kinds)
    if wanted.run_ids:
        of_activity = _among(job.c.activity_id, wanted.activity_ids)
        return _Way([job.c.run_id], _single(wanted.run_ids), [*in_state, *of_kind, *of_activity])
    if wanted.activity_ids:
        return _Way([job.c.activity_id], _single(wanted.activity_ids), [*in_state, *of_kind])
    if wanted.statuses or wanted.outcomes:
        states = states_wanted(JOB, FINISHED_JOB, wanted.statuses, wanted.outcomes)
        kinds = sorted(set(wanted.kinds)) or [kind.value for kind in Kind]
        return _Way([job.c.status, _outcome(job), job.c.kind], [(*state, kind) for state in states for kind in kinds])
    # A quarter of all jobs are of each kind.
    return _Way(besides=of_kind)


def _walked(
    columns: Sequence[sa.Column[Any]],
    order: Sequence[sa.ColumnElement[Any]],
    way: _Way,
    conditions: Sequence[_Condition],
    after: tuple[Any, ...] | None,
    limit: int,
) -> sa.Subquery:
    """Gives these columns of a page of their table, with one row to spare, descending by `order`."""
    most = known_limit(limit + 1)
    descending = [column.desc() for column in order]
    query = sa.select(*columns).where(*conditions, *way.besides, *([] if after is None else [before(order, after)]))
    if not way.columns:
        return query.order_by(*descending).limit(most).subquery("page")
    arrays = [
        sa.cast(sa.literal([value[place] for value in way.values], pg.ARRAY(column.type)), pg.ARRAY(column.type))
        for place, column in enumerate(way.columns)
    ]
    named = [sa.column(f"value_{place}", column.type) for place, column in enumerate(way.columns)]
    among = sa.func.unnest(*arrays).table_valued(*named).render_derived("among")
    same = (column == value for column, value in zip(way.columns, among.c, strict=True))
    walk = query.where(*same).order_by(*descending).limit(most).lateral("walk")
    page = sa.select(walk).select_from(among).join(walk, sa.true())
    return page.order_by(*(_in_terms_of(walk, column).desc() for column in order)).limit(most).subquery("page")


def _jobs_made_by(
    organisation_id: UUID,
    made_by: UUID,
    wanted: JobFilter,
    order: Sequence[sa.ColumnElement[Any]],
    after: tuple[Any, ...] | None,
    limit: int,
) -> sa.Subquery:
    """Gives a page of the jobs of a key's runs, which are walked along: a run's jobs were made with it."""
    query = (
        sa.select(*JOB_COLUMNS)
        .join(run, run.c.id == job.c.run_id)
        .where(
            run.c.organisation_id == organisation_id,
            run.c.requested_by_id == made_by,
            belongs(job, organisation_id),
            *_created(run, wanted),
            *_among(job.c.status, wanted.statuses),
            *_among(job.c.outcome, wanted.outcomes),
            *_among(job.c.kind, wanted.kinds),
        )
        .order_by(run.c.created_at.desc(), run.c.id.desc(), (-job.c.position).desc())
    )
    if after is not None:
        query = query.where(run.c.created_at <= after[0], before(order, after))
    return query.limit(known_limit(limit + 1)).subquery("page")


def _in_terms_of(walk: sa.FromClause, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Gives what a table is ordered by as a column of a subquery that has all its columns."""
    return walk.c[column.name] if isinstance(column, sa.Column) else -walk.c.position


def _keys(wanted: Collection[UUID], made_by: UUID | None) -> set[UUID] | None:
    """Gives the keys whose runs are listed; None are all."""
    if made_by is None:
        return set(wanted) or None
    return {made_by} & set(wanted) if wanted else {made_by}


def _outcome(table: sa.Table) -> sa.ColumnElement[str]:
    """Gives the outcome as the indexes have it: "" before the end."""
    return sa.func.greatest(table.c.outcome, sa.literal_column("''"), type_=sa.Text)


def _created(table: sa.Table, wanted: RunFilter | JobFilter) -> list[_Condition]:
    after, until = wanted.created_after, wanted.created_before
    return [
        *([] if after is None else [table.c.created_at > after]),
        *([] if until is None else [table.c.created_at < until]),
    ]


def _among(column: sa.Column[Any], values: Collection[Any]) -> list[_Condition]:
    """Holds each row against some values, in a form that no index serves: another one has been chosen."""
    return [column.in_(list(values)).is_(sa.true())] if values else []


def _single(values: Collection[Any]) -> list[tuple[Any]]:
    return [(value,) for value in dict.fromkeys(values)]
