"""What callers read of records and batches, with who in them is protected. Scoped to one organisation first of all.

Lists of records are in `record_lists`, what is searched in `searches`.

A record is protected when it was so in its run, or when its person is marked now (see `protection`); a duty when its
person is.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.protection import is_marked
from app.db.schema import batch

Row = sa.RowMapping

# `one` is the record; `person` is the record that a duty takes its name from; `before` what Skolverket was asked about.
# Each OFFSET or LIMIT, and each id as a range, keeps this a look by the primary key for each record, whatever the
# statistics say: as an equality the object's own index would do as well, and that has it in all runs.
_MARKED = is_marked("one.organisation_id", "one.object_id", "CASE WHEN one.kind = 'duties' THEN one.refs[1] END")
_PERSON = """
    LEFT JOIN LATERAL (
        SELECT person.object_id, person.source, person.protected FROM record person
        WHERE one.kind = 'duties' AND person.object_id BETWEEN one.refs[1] AND one.refs[1] AND person.job_id = (
            SELECT persons.id FROM job persons
            WHERE persons.run_id = (SELECT run_id FROM job WHERE id = :job) AND persons.kind = 'persons'
        )
        OFFSET 0
    ) person ON true
"""
_BEFORE = """
    LEFT JOIN LATERAL (
        SELECT held FROM at_target WHERE at_target.job_id = :job AND at_target.object_id = one.object_id OFFSET 0
    ) before ON true
"""
_PROTECTION = f"""
    CROSS JOIN LATERAL (
        SELECT one.protected OR coalesce(person.protected, false) OR {_MARKED} AS hidden
    ) protection
"""
# What tells whether a record is of somebody protected; and all that a record is shown with.
HIDDEN = _PERSON + _PROTECTION
BESIDE = _PERSON + _BEFORE + _PROTECTION
# Some of a job's records, by their ids.
_FROM = f"""
    FROM unnest(CAST(:objects AS uuid[])) AS wanted CROSS JOIN LATERAL (
        SELECT * FROM record WHERE record.job_id = :job AND record.object_id BETWEEN wanted AND wanted OFFSET 0
    ) one {BESIDE}
    WHERE one.organisation_id = :organisation
"""  # noqa: S608 - constants of ours
# A content of a record: a look by the primary key for each.
_OF = "(SELECT {} FROM content WHERE content.organisation_id = :organisation AND content.digest = {})"
RECORD_COLUMNS = f"""
    SELECT one.object_id, one.kind, one.ordinal, one.status, one.issues, one.completed_at, one.attempts,
        one.role, one.school_year, one.school_unit, one.more_units, (
            SELECT payload ->> 'displayName' FROM reference_item
            WHERE reference_item.kind = 'school_unit' AND reference_item.id = one.school_unit
        ) AS school_unit_name,
        one.source, {_OF.format("sealed", "one.source")} AS source_sealed,
        one.sent, {_OF.format("sealed", "one.sent")} AS sent_sealed,
        one.received, {_OF.format("sealed", "one.received")} AS received_sealed,
        person.object_id AS person_id, person.source AS person_source,
        {_OF.format("sealed", "person.source")} AS person_source_sealed, protection.hidden,
        -- a retry may have let it through since
        one.status IN ('error', 'skipped') AND coalesce(before.held, false) AS held,
        -- what was found of the object in the very roster of which the run is
        CASE WHEN one.status IN ('error', 'warning') THEN (
            SELECT jsonb_agg(
                jsonb_build_object('code', found.code, 'severity', found.severity, 'pointer', found.pointer)
                ORDER BY found.origin, found.number
            )
            FROM (
                SELECT activity.roster_id FROM run
                JOIN activity ON activity.organisation_id = run.organisation_id AND activity.id = run.activity_id
                -- a new name is a new version of the activity, and no other roster
                JOIN roster ON roster.organisation_id = activity.organisation_id AND roster.id = activity.roster_id
                    AND roster.version <= run.roster_version
                WHERE run.id = one.run_id OFFSET 0
            ) roster
            CROSS JOIN LATERAL (
                SELECT * FROM finding
                WHERE finding.roster_id = roster.roster_id AND finding.kind = one.kind AND finding.ordinal = one.ordinal
                    AND finding.object_id = one.object_id
                OFFSET 0
            ) found
        ) END AS findings
"""  # noqa: S608 - constants of ours
_SUMMARY = [column for column in batch.c if column.name not in {"items", "answer", "record_ids", "fence"}]


async def find_record(conn: AsyncConnection, organisation_id: UUID, job_id: UUID, object_id: UUID) -> Row | None:
    """Gives one record of a job."""
    query = sa.text(f"{RECORD_COLUMNS} {_FROM}")
    found = await conn.execute(query, {"organisation": organisation_id, "job": job_id, "objects": [object_id]})
    return found.mappings().one_or_none()


async def list_named(
    conn: AsyncConnection, organisation_id: UUID, job_id: UUID, references: Iterable[tuple[str, UUID]]
) -> Sequence[Row]:
    """Gives the records of these objects, by kind and id, in the run of a job; those that it has."""
    query = sa.text(
        f"""
        {RECORD_COLUMNS} FROM (
            SELECT run_id FROM job WHERE id = :job AND (organisation_id = :organisation) IS TRUE OFFSET 0
        ) here
        CROSS JOIN unnest(CAST(:kinds AS text[]), CAST(:objects AS uuid[])) AS wanted (kind, object_id)
        CROSS JOIN LATERAL (
            SELECT record.* FROM job stage JOIN record ON record.job_id = stage.id
            WHERE stage.run_id = here.run_id AND stage.kind = wanted.kind AND record.object_id = wanted.object_id
            OFFSET 0
        ) one {BESIDE}
        """  # noqa: S608 - constants of ours
    )
    kinds, objects = zip(*references, strict=True)
    given = {"organisation": organisation_id, "job": job_id, "kinds": list(kinds), "objects": list(objects)}
    return (await conn.execute(query, given)).mappings().all()


async def protected_among(
    conn: AsyncConnection, organisation_id: UUID, job_id: UUID, object_ids: Sequence[UUID]
) -> set[UUID]:
    """Picks the protected ones among a job's records."""
    query = sa.text(f"SELECT one.object_id {_FROM} AND protection.hidden")
    given = {"organisation": organisation_id, "job": job_id, "objects": list(object_ids)}
    return set((await conn.scalars(query, given)).all())


async def list_batches(
    conn: AsyncConnection, organisation_id: UUID, job_id: UUID, *, after: int | None, limit: int
) -> Sequence[Row]:
    """Lists the calls made for a job, in their order by number, with one to spare; without what was in them."""
    query = (
        sa.select(*_SUMMARY, sa.func.cardinality(batch.c.record_ids).label("records"))
        .where(batch.c.organisation_id == organisation_id, batch.c.job_id == job_id)
        .order_by(batch.c.number)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(batch.c.number > after)
    return (await conn.execute(query)).mappings().all()


async def find_batch(conn: AsyncConnection, organisation_id: UUID, job_id: UUID, batch_id: UUID) -> Row | None:
    """Gives one call made for a job, with the digests of what it carried and of the answer."""
    query = sa.select(batch, sa.func.cardinality(batch.c.record_ids).label("records")).where(
        batch.c.organisation_id == organisation_id, batch.c.job_id == job_id, batch.c.id == batch_id
    )
    return (await conn.execute(query)).mappings().one_or_none()
