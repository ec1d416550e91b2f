"""Which objects are of some school units, and how many of their records stand how. Scoped to one organisation.

An object is of the units that its newest form says: in a current roster, or in none of its latest record.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.protection import is_marked
from app.domain.outcome import Counts

# What a status is called among the counts of a job.
_COUNTED: Final = {"error": "errors", "warning": "warnings"}


def is_within(one: str) -> str:
    """Writes the condition that the row `one` is of one of the `:of_units`; what is of none never is."""
    units = "CAST(:of_units AS uuid[])"
    return f"(({one}.school_unit = ANY ({units}) OR {one}.more_units && {units}) IS TRUE)"


def is_told(one: str) -> str:
    """Writes the condition that a row `one` of a roster or run is so, and that whoever is not `:protected` is told it.

    Who is protected is of no unit to them: nothing tells where such a person goes. The row is not called `item`, which
    is what the condition calls others.
    """
    marked = is_marked(
        f"{one}.organisation_id", f"{one}.object_id", f"CASE {one}.kind WHEN 'duties' THEN {one}.refs[1] END"
    )
    return f"({is_within(one)} AND (:protected OR NOT ({one}.protected OR {marked})))"


# Each OFFSET keeps this a look by the object's id, whatever the statistics say. An id that is of two kinds is of both.
_AMONG = f"""
    SELECT wanted.id FROM unnest(CAST(:ids AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
        SELECT bool_and(newest.within) AS within FROM (
            SELECT DISTINCT ON (kind) within FROM (
                SELECT listed.kind, {is_told("listed")} AS within, 0 AS age, listed.upload FROM (
                    SELECT * FROM roster_item WHERE roster_item.object_id = wanted.id OFFSET 0
                ) listed WHERE listed.organisation_id = :organisation
                UNION ALL
                SELECT record.kind, {is_told("record")}, 1, record.upload FROM (
                    SELECT * FROM record WHERE record.object_id = wanted.id OFFSET 0
                ) record WHERE record.organisation_id = :organisation
            ) known
            ORDER BY kind, age, upload DESC
        ) newest
    ) found
    WHERE found.within
"""  # noqa: S608 - constants of ours
_OF_ROSTER = f"""
    SELECT item.object_id::text FROM activity CROSS JOIN LATERAL (
        SELECT listed.object_id FROM roster_item listed
        WHERE listed.roster_id BETWEEN activity.roster_id AND activity.roster_id AND {is_told("listed")} OFFSET 0
    ) item
    WHERE activity.organisation_id = :organisation AND activity.id = :activity AND activity.deleted_at IS NULL
"""  # noqa: S608 - constants of ours
_COUNTS = f"""
    SELECT wanted.id AS run_id, counted.* FROM unnest(CAST(:runs AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
        SELECT record.job_id, record.status, count(*) AS number FROM record
        WHERE record.run_id = wanted.id AND (record.organisation_id = :organisation) IS TRUE AND {is_told("record")}
        GROUP BY record.job_id, record.status OFFSET 0
    ) counted
"""  # noqa: S608 - constants of ours


async def objects_within(
    conn: AsyncConnection, organisation_id: UUID, units: Collection[UUID], ids: Iterable[UUID], *, protected: bool
) -> set[UUID]:
    """Gives those of these `ids` that are of objects of the `units`."""
    given = {"organisation": organisation_id, "of_units": list(units), "ids": list(ids), "protected": protected}
    return set(await conn.scalars(sa.text(_AMONG), given))


async def roster_within(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, units: Collection[UUID], *, protected: bool
) -> frozenset[str]:
    """Gives the ids of the `units`' objects in the current roster of an activity, as texts: there are many."""
    given: dict[str, Any] = {"organisation": organisation_id, "of_units": list(units), "activity": activity_id}
    return frozenset(await conn.scalars(sa.text(_OF_ROSTER), {**given, "protected": protected}))


async def counts_within(
    conn: AsyncConnection, organisation_id: UUID, units: Collection[UUID], run_ids: Collection[UUID], *, protected: bool
) -> Mapping[UUID, Mapping[UUID, Counts]]:
    """Counts the records of the `units`' objects by run and by job; a run that has none of them is not there."""
    given = {"organisation": organisation_id, "of_units": list(units), "runs": list(run_ids), "protected": protected}
    found: dict[UUID, dict[UUID, dict[str, int]]] = {}
    for row in await conn.execute(sa.text(_COUNTS), given):
        counts = found.setdefault(row.run_id, {}).setdefault(row.job_id, {"total": 0})
        counts["total"] += row.number
        counts[_COUNTED.get(row.status, row.status)] = row.number
    return {run: {job: Counts(**counts) for job, counts in jobs.items()} for run, jobs in found.items()}
