"""What is known of an organisation's objects: in whose rosters, what of them was accepted last, what became of each.

An object is shown in its newest form: that of the latest upload which a current roster has of it, else of its latest
record. It is protected when that form is, or it has been marked (see `protection`); a duty when its person is, or
whose it was when it was accepted last.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.protection import is_marked
from app.db.results import Row
from app.db.searches import Sought
from app.db.units import is_within


def _newest(name: str, kind: str, object_id: str) -> str:
    """Writes joins that give of an object: `name`.source, refs and hidden, and its row of `object`, `name`_object.

    Each OFFSET or LIMIT, and the id as a range, keeps this a look by the object's id, or by a job's and that, whatever
    the statistics say; its records are looked at only where no roster has it. What is worked out has one too: beside
    policies an index serves no comparison with what Postgres does not know to give nothing away.
    """
    return f"""
    LEFT JOIN LATERAL (
        SELECT source, outgoing, refs, school_unit, more_units, protected FROM (
            SELECT * FROM roster_item WHERE roster_item.object_id = {object_id} OFFSET 0
        ) item
        WHERE item.organisation_id = :organisation AND item.kind = {kind} ORDER BY upload DESC LIMIT 1
    ) {name}_item ON true
    LEFT JOIN LATERAL (
        SELECT source, refs, school_unit, more_units, protected FROM (
            SELECT * FROM record WHERE record.object_id = {object_id} OFFSET 0
        ) record
        WHERE {name}_item.source IS NULL AND record.organisation_id = :organisation AND record.kind = {kind}
        ORDER BY upload DESC, completed_at DESC NULLS FIRST LIMIT 1
    ) {name}_record ON true
    LEFT JOIN LATERAL (
        SELECT accepted, accepted_job_id, accepted_at, landed_at, gone_at FROM object
        WHERE object.organisation_id = :organisation AND object.kind = {kind} AND object.id = {object_id} OFFSET 0
    ) {name}_object ON true
    CROSS JOIN LATERAL (
        SELECT coalesce({name}_item.source, {name}_record.source) AS source,
            coalesce({name}_item.refs, {name}_record.refs) AS refs,
            CASE WHEN {name}_item.source IS NULL THEN {name}_record.school_unit ELSE {name}_item.school_unit END
                AS school_unit,
            CASE WHEN {name}_item.source IS NULL THEN {name}_record.more_units ELSE {name}_item.more_units END
                AS more_units,
            coalesce({name}_item.protected, {name}_record.protected, false)
                OR {is_marked(":organisation", object_id)} AS hidden
        OFFSET 0
    ) {name}
    """  # noqa: S608 - constants of ours


# A duty is shown with what was accepted of it last, too, which may be somebody else's.
_WAS_OF = f"""
    LEFT JOIN LATERAL (
        SELECT refs[1] AS id FROM record
        WHERE wanted.kind = 'duties' AND record.job_id = one_object.accepted_job_id
            AND record.object_id BETWEEN wanted.object_id AND wanted.object_id OFFSET 0
    ) was_of ON true
    CROSS JOIN LATERAL (
        SELECT one.hidden OR person.hidden OR {is_marked(":organisation", "was_of.id")} AS hidden OFFSET 0
    ) protection
"""  # noqa: S608 - constants of ours
_OBJECT = (
    _newest("one", "wanted.kind", "wanted.object_id")
    + "CROSS JOIN LATERAL (SELECT CASE WHEN wanted.kind = 'duties' THEN one.refs[1] END AS id OFFSET 0) of_person"
    + _newest("person", "'persons'", "of_person.id")
    + _WAS_OF
)
_SEALED = "(SELECT sealed FROM content WHERE content.organisation_id = :organisation AND content.digest = {})"
_COLUMNS = f"""
    wanted.kind, wanted.object_id, protection.hidden,
    one.source, {_SEALED.format("one.source")} AS source_sealed,
    (
        SELECT payload ->> 'displayName' FROM reference_item
        WHERE reference_item.kind = 'school_unit' AND reference_item.id = one.school_unit
    ) AS school_unit_name,
    one.school_unit, one.more_units, of_person.id AS person_id,
    person.source AS person_source, {_SEALED.format("person.source")} AS person_source_sealed,
    one_object.accepted, one_object.accepted_job_id, one_object.accepted_at, one_object.landed_at, one_object.gone_at,
    (
        SELECT jsonb_agg(jsonb_build_object('id', activity.id, 'name_sealed', encode(display_name_sealed, 'hex'))
            ORDER BY activity.created_at, activity.id)
        FROM (
            SELECT * FROM roster_item WHERE roster_item.object_id = wanted.object_id OFFSET 0
        ) item CROSS JOIN LATERAL (
            -- of the item's organisation: of the one that is asked for, old statistics know no rows
            SELECT activity_id FROM roster
            WHERE roster.organisation_id = item.organisation_id AND roster.id = item.roster_id OFFSET 0
        ) roster CROSS JOIN LATERAL (
            SELECT * FROM activity WHERE activity.organisation_id = :organisation AND activity.id = roster.activity_id
            OFFSET 0
        ) activity
        WHERE item.organisation_id = :organisation AND item.kind = wanted.kind
    ) AS activities
"""  # noqa: S608 - constants of ours

# What is wrong with it, or worth a look, in each roster that has it.
_FINDINGS = """
    (
        SELECT jsonb_agg(to_jsonb(finding) || jsonb_build_object('activity_id', roster.activity_id)
            ORDER BY roster.activity_id, origin, number)
        FROM (
            SELECT * FROM roster_item WHERE roster_item.object_id = wanted.object_id OFFSET 0
        ) item CROSS JOIN LATERAL (
            -- of the item's organisation: of the one that is asked for, old statistics know no rows
            SELECT activity_id FROM roster
            WHERE roster.organisation_id = item.organisation_id AND roster.id = item.roster_id OFFSET 0
        ) roster CROSS JOIN LATERAL (
            SELECT kind, object_id, origin, number, code, severity, pointer, ids, cause, count FROM finding
            WHERE finding.roster_id BETWEEN item.roster_id AND item.roster_id AND finding.kind = item.kind
                AND finding.ordinal = item.ordinal
            OFFSET 0
        ) finding
        WHERE item.organisation_id = :organisation AND item.kind = wanted.kind
    )
"""


async def search_objects(
    conn: AsyncConnection,
    organisation_id: UUID,
    sought: Sought,
    *,
    kind: str | None,
    after: tuple[str, UUID] | None,
    limit: int,
    protected: bool,
    units: Collection[UUID] | None,
) -> Sequence[Row]:
    """Lists candidates among the organisation's objects by (kind, id), at most `limit`; of a `kind`, or of all.

    Each by its newest form alone, with `units` of those that are of these. Without `protected` there are none that are
    protected: a hit tells who it is.
    """
    narrowed = "" if kind is None else "AND kind = :kind"
    if after is not None:
        narrowed += " AND (kind, object_id) > (:after_kind, CAST(:after_id AS uuid))"
    query = f"""
        WITH {sought.hits}
        SELECT {_COLUMNS} FROM (
            SELECT kind, object_id, digest FROM hit WHERE kind <> 'batch' {narrowed} ORDER BY kind, object_id OFFSET 0
        ) wanted {_OBJECT}
        WHERE one.source = wanted.digest {"" if protected else "AND NOT protection.hidden"}
            {"" if units is None else f"AND {is_within('one')}"}
        ORDER BY wanted.kind, wanted.object_id LIMIT :limit
    """  # noqa: S608 - constants of ours
    given: dict[str, Any] = {"organisation": organisation_id, "limit": limit}
    if units is not None:
        given["of_units"] = list(units)
    if kind is not None:
        given["kind"] = kind
    if after is not None:
        given["after_kind"], given["after_id"] = after
    return (await conn.execute(sought.bound(query, **given))).mappings().all()


async def find_object(
    conn: AsyncConnection,
    organisation_id: UUID,
    kind: str,
    object_id: UUID,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Row]:
    """Gives an object with its records, newest first, one a row with one to spare; no row when there is no such object.

    The object's columns are those of the first row; the others have none, nor has the first one `job_id` when there is
    no (further) record.
    """
    narrowed = "" if before is None else "AND (job.created_at, job.id) < (:before, CAST(:before_id AS uuid))"
    query = f"""
        WITH object_known AS MATERIALIZED (
            SELECT 1 AS first, {_COLUMNS}, {_FINDINGS} AS findings,
                one_object.accepted IS NOT NULL OR one.source IS NOT NULL AS known,
                {_SEALED.format("one_object.accepted")} AS accepted_sealed,
                one_item.source IS NOT NULL AS wanted, one_item.outgoing,
                {_SEALED.format("one_item.outgoing")} AS outgoing_sealed
            FROM (SELECT CAST(:kind AS text) AS kind, CAST(:id AS uuid) AS object_id) wanted {_OBJECT}
        ), history AS MATERIALIZED (
            SELECT row_number() OVER (ORDER BY job.created_at DESC, job.id DESC) AS place,
                job.id AS job_id, job.run_id, job.activity_id, job.created_at, sent.status, sent.issues,
                sent.received, sent.completed_at, sent.attempts
            FROM (
                SELECT * FROM record WHERE record.object_id = :id OFFSET 0
            ) sent CROSS JOIN LATERAL (
                SELECT id, run_id, activity_id, created_at FROM job WHERE job.id = sent.job_id OFFSET 0
            ) job
            WHERE sent.organisation_id = :organisation AND sent.kind = :kind {narrowed}
            ORDER BY job.created_at DESC, job.id DESC LIMIT :limit
        )
        SELECT object_known.*, history.*, {_SEALED.format("history.received")} AS received_sealed
        FROM object_known FULL JOIN history ON history.place = object_known.first
        WHERE EXISTS (SELECT FROM object_known WHERE known)
        ORDER BY history.place NULLS FIRST
    """  # noqa: S608 - constants of ours
    given: dict[str, Any] = {"organisation": organisation_id, "kind": kind, "id": object_id, "limit": limit + 1}
    if before is not None:
        given["before"], given["before_id"] = before
    return (await conn.execute(sa.text(query), given)).mappings().all()
