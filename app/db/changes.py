"""The changes of an organisation's runs and jobs, in the order of the transactions that made them.

Only what is settled is read: what has a lower number than every transaction that is still open. So nothing can come up
behind a place that somebody has passed. A transaction that stays open, anybody's in the whole cluster, delays it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import connect_blocking
from app.db.reads import JOB_LABELLED, RUN_LABELLED, RunWithJobs, runs_with_jobs
from app.db.schema import job, run
from app.domain.change_log import ChangePage, Place, Stamp, Stamped, page_of
from app.domain.lifecycle import UNFINISHED_RUN

# Who sees the runs of one key alone passes over those of others, so many rows at a time.
_SCANNED_FOR_ONE_KEY: Final = 1000

_ORGANISATION = sa.bindparam("organisation_id", type_=run.c.id.type)
_ROW_ID = sa.bindparam("row_id", type_=run.c.id.type)
_MADE_BY = sa.bindparam("made_by", type_=run.c.id.type)
_SETTLED = "pg_snapshot_xmin(pg_current_snapshot())"
_OF = f"""
    WHERE organisation_id = :organisation_id AND (changed_in, id) >= (CAST(:changed_in AS xid8), CAST(:row_id AS uuid))
        AND changed_in < {_SETTLED}
    ORDER BY changed_in, id LIMIT :most
"""
_TOUCHED = f"""
    SELECT changed_in, id, run_id FROM (
        (SELECT changed_in, id, run_id FROM job {_OF}) UNION ALL (SELECT changed_in, id, id FROM run {_OF})
    ) each ORDER BY changed_in, id LIMIT :most
"""  # noqa: S608 - of our own pieces
_HEAD = sa.text(f"SELECT change_log_identity(), {_SETTLED}::text::bigint")

# In a database that was loaded from a dump: places that its transactions would not reach for long.
_AHEAD = """
    SELECT EXISTS (
        SELECT FROM organisation CROSS JOIN LATERAL (
            (SELECT changed_in FROM job WHERE organisation_id = organisation.id ORDER BY changed_in DESC LIMIT 1)
            UNION ALL
            (SELECT changed_in FROM run WHERE organisation_id = organisation.id ORDER BY changed_in DESC LIMIT 1)
        ) last WHERE last.changed_in >= pg_snapshot_xmax(pg_current_snapshot())
    )
"""


@dataclass(frozen=True, slots=True)
class Log:
    """What was read of the log: a page of it, which log it is, and the place behind all that is settled."""

    identity: str
    page: ChangePage[RunWithJobs]
    end: Place


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is under way at a place of the log; what of it is not settled yet comes once more behind the place."""

    identity: str
    place: Place
    runs: Sequence[RunWithJobs]


async def head(conn: AsyncConnection) -> tuple[str, Place]:
    """Gives which log this is, and the place behind all that is settled."""
    identity, oldest_open = (await conn.execute(_HEAD)).one()
    return identity, Place.before(oldest_open)


async def read_changes(
    conn: AsyncConnection, organisation_id: UUID, *, made_by: UUID | None, after: Place, limit: int
) -> Log:
    """Reads the changes behind a place; `made_by` narrows them to the runs that one key has made.

    The page may be shorter than `limit` although more follows.
    """
    where = {"organisation_id": organisation_id, "made_by": made_by}
    since = {"changed_in": str(after.stamp.changed_in), "row_id": after.stamp.row_id}
    rows = (
        (await conn.execute(_page(limit, None if made_by is None else _SCANNED_FOR_ONE_KEY), where | since))
        .mappings()
        .all()
    )
    last = rows[0]
    page = page_of(
        _runs(rows),
        after=after,
        scanned_to=None if last["last_id"] is None else Stamp(int(last["last_changed_in"]), last["last_id"]),
        whole=last["whole"],
        limit=limit,
    )
    return Log(last["identity"], page, Place.before(last["oldest_open"]))


async def read_under_way(conn: AsyncConnection, organisation_id: UUID, *, made_by: UUID | None) -> UnderWay:
    """Reads the runs that are not finished, in the order of their acceptance, and the place from which to go on."""
    where = {"organisation_id": organisation_id, "made_by": made_by}
    rows = (await conn.execute(_unfinished(one_key=made_by is not None), where)).mappings().all()
    place = Place.before(rows[0]["oldest_open"])
    return UnderWay(rows[0]["identity"], place, [each.run for each in _runs(rows)])


def place_changes_anew(url: str) -> bool:
    """Places what this database cannot have changed itself among its changes; tells whether there was any.

    So it is after a dump was loaded. The guards of the tables are off meanwhile, within the transaction.
    """
    engine = connect_blocking(url, name="provkedja migrate")
    try:
        with engine.begin() as conn:
            if not conn.scalar(sa.text(_AHEAD)):
                return False
            for table in ("run", "job"):
                conn.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {table}_guard")
                conn.exec_driver_sql(
                    f"UPDATE {table} SET changed_in = pg_current_xact_id()"  # noqa: S608
                    " WHERE changed_in > pg_current_xact_id()"
                )
                conn.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER {table}_guard")
            return True
    finally:
        engine.dispose()


@lru_cache(maxsize=64)
def _page(limit: int, scanned_for_one_key: int | None) -> sa.Select[Any]:
    # Made once: to put it together takes longer than to read it.
    # With the row at which the page before has ended: more of it may be to come.
    wanted = limit + 1
    passed = max(wanted, scanned_for_one_key or 0)
    touched = (
        sa.text(_TOUCHED.replace(":most", str(int(passed))))
        .bindparams(
            _ORGANISATION, sa.bindparam("changed_in", type_=sa.Text), sa.bindparam("row_id", type_=run.c.id.type)
        )
        .columns(changed_in=sa.Text, id=run.c.id.type, run_id=run.c.id.type)
        .cte("touched")
    )
    shown = touched if scanned_for_one_key is None else _made_by_one(touched, wanted)
    # Where as many are shown as may be, the page ends with the last of them, else with the last that was passed over.
    full = _count(shown) == wanted
    last = sa.union_all(_last(shown).where(full), _last(touched).where(sa.not_(full))).subquery("last")
    of_log = sa.select(
        sa.func.change_log_identity().label("identity"),
        sa.literal_column(f"{_SETTLED}::text::bigint").label("oldest_open"),
        sa.or_(full, _count(touched) == passed).label("whole"),
    ).subquery("of_log")
    of_runs = _with_jobs(sa.select(shown.c.run_id).distinct().subquery("concerned"))
    return sa.select(
        *of_log.c, last.c.changed_in.label("last_changed_in"), last.c.id.label("last_id"), *of_runs.c
    ).select_from(of_log.outerjoin(last, sa.true()).outerjoin(of_runs, sa.true()))


def _made_by_one(touched: sa.CTE, wanted: int) -> sa.CTE:
    """Gives those of runs that one key has made, the first so many."""
    own = (
        sa.select(run.c.id)
        .where(run.c.id == touched.c.run_id, (run.c.requested_by_id == _MADE_BY).is_(sa.true()))
        .offset(sa.literal_column("0"))
        .lateral("own")
    )
    return (
        sa.select(touched)
        .join(own, sa.true())
        .order_by(touched.c.changed_in, touched.c.id)
        .limit(sa.literal_column(str(int(wanted))))
        .cte("shown")
    )


def _count(rows: sa.CTE) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(rows).scalar_subquery()


def _last(rows: sa.CTE) -> sa.Select[Any]:
    in_order = (rows.c.changed_in.desc(), rows.c.id.desc())
    return sa.select(rows.c.changed_in, rows.c.id).order_by(*in_order).limit(sa.literal_column("1"))


@lru_cache(maxsize=2)
def _unfinished(*, one_key: bool) -> sa.Select[Any]:
    mine = sa.true() if not one_key else (run.c.requested_by_id == _MADE_BY).is_(sa.true())
    of_organisation = sa.select(run.c.id.label("run_id")).where(run.c.organisation_id == _ORGANISATION, mine)
    # Each status by itself: there is an index of those that are in it.
    concerned = sa.union_all(
        *(of_organisation.where(run.c.status == sa.literal_column(f"'{each}'")) for each in sorted(UNFINISHED_RUN))
    ).subquery("concerned")
    of_log = sa.select(
        sa.func.change_log_identity().label("identity"),
        sa.literal_column(f"{_SETTLED}::text::bigint").label("oldest_open"),
    ).subquery("of_log")
    of_runs = _with_jobs(concerned)
    return (
        sa.select(*of_log.c, *of_runs.c)
        .select_from(of_log.outerjoin(of_runs, sa.true()))
        .order_by(of_runs.c.run_created_at, of_runs.c.run_id)
    )


def _with_jobs(concerned: sa.Subquery) -> sa.Subquery:
    """Looks up the runs and their jobs: a row a job, under `run_` and `job_`."""
    # In this form no index of the organisation's rows can serve it.
    wanted = sa.select(*RUN_LABELLED).where(
        run.c.id == concerned.c.run_id, (run.c.organisation_id == _ORGANISATION).is_(sa.true())
    )
    # Looks by the key for each, whatever the statistics say.
    of_run = wanted.offset(sa.literal_column("0")).lateral("of_run")
    of_job = (
        sa.select(*JOB_LABELLED)
        .where(job.c.run_id == concerned.c.run_id)
        .offset(sa.literal_column("0"))
        .lateral("of_job")
    )
    return (
        sa.select(*of_run.c, *of_job.c)
        .select_from(concerned.join(of_run, sa.true()).join(of_job, sa.true()))
        .subquery("of_runs")
    )


def _runs(rows: Sequence[RowMapping]) -> list[Stamped[RunWithJobs]]:
    """Puts runs together, with the stamps of their rows."""
    found = []
    for run_row, jobs in runs_with_jobs([row for row in rows if row["run_id"] is not None]):
        jobs.sort(key=lambda row: row["position"])
        found.append(Stamped((run_row, jobs), _stamp(run_row), [_stamp(row) for row in jobs]))
    return found


def _stamp(row: Mapping[str, Any]) -> Stamp:
    return Stamp(int(row["changed_in"]), row["id"])
