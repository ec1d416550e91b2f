"""What readiness is decided from: of each object of a roster, what the target has and what the last run did.

Scoped to one organisation first of all. The last run is the latest that has begun or may yet begin. Each OFFSET keeps a
look what it is, by an index for each object, whatever the statistics say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.protection import is_marked
from app.db.reads import Row

_HERE: Final = """
    here AS MATERIALIZED (
        SELECT activity.id, activity.display_name_sealed, activity.version, activity.roster_id, last.id AS run_id,
            last.sequence, last.status, last.outcome, last.on_record_error, last.created_at, last.started_at,
            last.finished_at,
            (
                SELECT jsonb_object_agg(job.kind, job.id) FROM job WHERE job.run_id = last.id
            ) AS jobs,
            -- of its latest runs, each of which is one more look for an object
            (
                SELECT jsonb_object_agg(kind, ids) FROM (
                    SELECT job.kind, jsonb_agg(job.id) AS ids FROM (
                        SELECT id FROM run
                        WHERE run.organisation_id = activity.organisation_id AND run.activity_id = activity.id
                            AND started_at IS NOT NULL
                        ORDER BY sequence DESC LIMIT 4
                    ) latest JOIN job ON job.run_id = latest.id
                    GROUP BY job.kind
                ) each
            ) AS own_jobs
        FROM activity LEFT JOIN LATERAL (
            SELECT * FROM run
            WHERE run.organisation_id = activity.organisation_id AND run.activity_id = activity.id
                AND (started_at IS NOT NULL OR status <> 'cancelled')
            ORDER BY sequence DESC LIMIT 1
        ) last ON true
        WHERE activity.organisation_id = :organisation AND activity.id = :activity AND activity.deleted_at IS NULL
    )
"""
# Of an object of the roster: whether the target has it as it is here, or in a later upload. Who writes down a guess of
# a group, an exam, a duty or somebody hidden, in whosever roster, would see by that whether it is right: whoever may
# not see everybody is told of those what the activity's own runs have brought there of this very upload, or of a later
# one, and what the last of them did with it. An upload is nobody else's: what is the same is of another one.
_SEEN: Final = f"""
    LEFT JOIN LATERAL (
        SELECT accepted, accepted_upload, accepted_job_id, landed_at FROM object
        WHERE object.organisation_id = :organisation AND object.kind = item.kind AND object.id = item.object_id
            AND gone_at IS NULL
        OFFSET 0
    ) known ON true
    CROSS JOIN LATERAL (
        SELECT CAST(:everybody AS boolean) OR item.kind = 'persons' AND CAST(:names AS boolean)
            AND NOT (item.protected OR {is_marked(":organisation", "item.object_id")}) AS told
        OFFSET 0
    ) may_be
    CROSS JOIN LATERAL (
        SELECT coalesce(
            CASE WHEN may_be.told THEN known.accepted_upload >= item.upload OR known.accepted = item.outgoing
                ELSE known.accepted IS NOT NULL AND EXISTS (
                    SELECT FROM jsonb_array_elements_text(here.own_jobs -> item.kind) own (id) CROSS JOIN LATERAL (
                        SELECT status, upload FROM record
                        WHERE record.job_id = own.id::uuid
                            AND record.object_id BETWEEN item.object_id AND item.object_id
                        OFFSET 0
                    ) sent
                    WHERE sent.status IN ('succeeded', 'warning', 'unchanged')
                        AND sent.upload >= item.upload
                ) END,
            false
        ) AS current
        OFFSET 0
    ) there
"""  # noqa: S608 - constants of ours
# The record that the last run has of it, looked for only where {needed}.
_RECORD: Final = """
    LEFT JOIN LATERAL (
        SELECT status, source = item.source OR upload > item.upload AS same FROM record
        WHERE record.job_id = (here.jobs ->> item.kind)::uuid
            AND record.object_id BETWEEN item.object_id AND item.object_id AND {needed}
            AND (may_be.told OR upload >= item.upload)
        OFFSET 0
    ) done ON true
"""
_ITEMS: Final = """
    FROM here CROSS JOIN LATERAL (
        -- a range is taken to be narrow: of how many rosters there were, old statistics know too little
        SELECT * FROM roster_item
        WHERE roster_item.roster_id BETWEEN here.roster_id AND here.roster_id AND roster_item.kind IN ({kinds})
        OFFSET 0
    ) item
"""
_OF: Final = "(SELECT sealed FROM content WHERE content.organisation_id = :organisation AND content.digest = {})"

# Ahead of all, in a row of its own, the activity with its last run. Persons and duties of which the same is known
# together, in one row; groups and activities one by one, with what they were accepted with, and whether that was of
# this very upload and sent by one of the activity's `own` runs. Ids as texts: of so many, these are read a good deal
# faster.
_ROSTER: Final = f"""
    WITH {_HERE}
    SELECT 'here' AS part,
        to_jsonb(here) - 'display_name_sealed' - 'own_jobs' || jsonb_build_object(
            'as_of', clock_timestamp(),
            'stages', (
                SELECT jsonb_agg(jsonb_build_array(kind, status, error ->> 'code') ORDER BY position)
                FROM job WHERE job.run_id = here.run_id
            )
        ) AS here,
        NULL::text[] AS ids, NULL::integer[] AS places, NULL::text[] AS refs, NULL::text AS role,
        NULL::boolean AS landed, NULL::boolean AS current, NULL::boolean AS own, NULL::boolean AS known,
        NULL::boolean AS sendable, NULL::text AS status, NULL::boolean AS same,
        NULL::text[] AS accepted_refs, NULL::jsonb AS accepted_issues,
        NULL::bytea AS sent, NULL::bytea AS sent_sealed, NULL::bytea AS received, NULL::bytea AS received_sealed,
        here.display_name_sealed
    FROM here
    UNION ALL
    SELECT item.kind, NULL, array_agg(item.object_id::text), array_agg(item.ordinal),
        CASE item.kind WHEN 'duties' THEN array_agg(item.refs[1]::text) END, item.role, known.landed_at IS NOT NULL,
        there.current, NULL, known.accepted IS NOT NULL, item.sendable, done.status, done.same,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL
    {_ITEMS.format(kinds="'persons', 'duties'")} {_SEEN} {_RECORD.format(needed="NOT there.current")}
    GROUP BY item.kind, item.role, known.landed_at IS NOT NULL, there.current, known.accepted IS NOT NULL,
        item.sendable, done.status, done.same
    UNION ALL
    SELECT item.kind, NULL, ARRAY[item.object_id::text], ARRAY[item.ordinal], item.refs::text[], NULL, NULL,
        there.current, known.accepted_upload = item.upload
            AND coalesce(here.own_jobs -> item.kind @> to_jsonb(known.accepted_job_id::text), false) AS own,
        known.accepted IS NOT NULL, item.sendable, done.status, done.same,
        CASE WHEN its.refs IS NULL AND NOT there.current THEN ARRAY[]::text[]
            WHEN its.refs <> item.refs THEN its.refs::text[] END, its.issues,
        remarked.sent, {_OF.format("remarked.sent")}, remarked.received, {_OF.format("remarked.received")},
        NULL
    {_ITEMS.format(kinds="'groups', 'activities'")} {_SEEN} {_RECORD.format(needed="true")}
    LEFT JOIN LATERAL (
        SELECT refs, status, issues, sent, received FROM record
        WHERE record.job_id = known.accepted_job_id AND record.object_id BETWEEN item.object_id AND item.object_id
        OFFSET 0
    ) its ON true
    -- without whom a group was accepted stands in the answer
    LEFT JOIN LATERAL (
        SELECT its.sent, its.received WHERE item.kind = 'groups' AND its.status = 'warning'
    ) remarked ON true
"""  # noqa: S608 - constants of ours

# What is shown of some objects of the roster, with the record that the last run has of each, and what was found of it.
_OBJECTS: Final = f"""
    WITH {_HERE}
    SELECT one.kind, one.object_id, wanted.place, record.job_id, coalesce(record.status, 'pending') AS status,
        coalesce(record.issues, one.issues) AS issues, false AS held,
        shown.source, {_OF.format("shown.source")} AS source_sealed,
        record.sent, {_OF.format("record.sent")} AS sent_sealed,
        record.received, {_OF.format("record.received")} AS received_sealed,
        person.object_id AS person_id, person.source AS person_source,
        {_OF.format("person.source")} AS person_source_sealed,
        one.protected OR coalesce(record.protected, false) OR coalesce(person.protected, false)
            OR {is_marked(":organisation", "one.object_id", "CASE WHEN one.kind = 'duties' THEN one.refs[1] END")}
                AS hidden,
        (
            SELECT jsonb_agg(
                jsonb_build_object('code', found.code, 'severity', found.severity, 'pointer', found.pointer)
                ORDER BY found.origin, found.number
            ) FROM (
                SELECT * FROM finding
                WHERE finding.roster_id = here.roster_id AND finding.kind = one.kind
                    AND finding.ordinal = one.ordinal AND finding.object_id = one.object_id
                OFFSET 0
            ) found
        ) AS findings
    FROM here CROSS JOIN unnest(CAST(:kinds AS text[]), CAST(:objects AS uuid[])) WITH ORDINALITY
        AS wanted (kind, object_id, place)
    CROSS JOIN LATERAL (
        -- by the object alone: of few statistics the roster's order would do as well, of all of its objects for each
        SELECT * FROM roster_item WHERE roster_item.object_id BETWEEN wanted.object_id AND wanted.object_id OFFSET 0
    ) one
    LEFT JOIN LATERAL (
        SELECT * FROM record
        WHERE record.job_id = (here.jobs ->> one.kind)::uuid
            AND record.object_id BETWEEN one.object_id AND one.object_id
        OFFSET 0
    ) record ON true
    LEFT JOIN LATERAL (
        SELECT * FROM roster_item
        WHERE one.kind = 'duties' AND roster_item.object_id BETWEEN one.refs[1] AND one.refs[1]
        OFFSET 0
    ) person ON person.roster_id = here.roster_id AND person.kind = 'persons'
    CROSS JOIN LATERAL (SELECT coalesce(record.source, one.source) AS source OFFSET 0) shown
    WHERE one.roster_id = here.roster_id AND one.kind = wanted.kind
    ORDER BY wanted.place
"""  # noqa: S608 - constants of ours


# What a roster's rows are made of, without looking at them. An answer that changes an object changes a job of the
# organisation too.
_STATE: Final = """
    SELECT activity.version, activity.roster_id, activity.shown_version, clock_timestamp() AS as_of,
        (
            SELECT changed_in FROM run WHERE run.organisation_id = :organisation
            ORDER BY changed_in DESC, id DESC LIMIT 1
        ) AS run,
        (
            SELECT changed_in FROM job WHERE job.organisation_id = :organisation
            ORDER BY changed_in DESC, id DESC LIMIT 1
        ) AS job,
        pg_snapshot_xmin(pg_current_snapshot()) AS settled
    FROM activity
    WHERE activity.organisation_id = :organisation AND activity.id = :activity AND activity.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class RosterState:
    """What the rows of `read_roster` are made of, as it was at `as_of`.

    As long as `key` is the same they are too, if the state is `settled`: no older transaction could still change them.
    What is found out later of a call without an answer changes them without it.
    """

    key: tuple[object, ...]
    as_of: datetime
    settled: bool


async def roster_state(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> RosterState | None:
    """Gives the state of an activity's roster and of all runs, or None without the activity."""
    given = {"organisation": organisation_id, "activity": activity_id}
    row = (await conn.execute(sa.text(_STATE), given)).one_or_none()
    if row is None:
        return None
    changed = [int(each) for each in (row.run, row.job) if each is not None]
    key = (row.version, row.roster_id, row.shown_version, *changed)
    return RosterState(key, row.as_of, all(each < int(row.settled) for each in changed))


async def read_roster(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, *, everybody: bool, names: bool
) -> Sequence[Row]:
    """Reads what is known of an activity's roster; no row without the activity, else its own row is the first.

    For who may not see `everybody` nothing is current, nor has the last run a record of it, but by runs of the activity
    that had its upload: beside persons, those who are not marked, for who sees `names`.
    """
    given = {"organisation": organisation_id, "activity": activity_id, "everybody": everybody, "names": names}
    return (await conn.execute(sa.text(_ROSTER), given)).mappings().all()


async def list_objects(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, references: Iterable[tuple[str, UUID]]
) -> Sequence[Row]:
    """Gives these objects of an activity's roster, by kind and id, in the given order; those that it has."""
    kinds, objects = zip(*references, strict=True)
    given = {
        "organisation": organisation_id,
        "activity": activity_id,
        "kinds": list(kinds),
        "objects": list(objects),
    }
    return (await conn.execute(sa.text(_OBJECTS), given)).mappings().all()
