"""What plans are made of, as rows: a roster's objects in their latest uploads, and those that were sent last.

Scoped to one organisation first of all. What becomes of an object is not decided here.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.protection import is_marked, was_of_marked

Row = sa.Row[Any]

_LAST: Final = 2**31 - 1
_LAST_ID: Final = UUID(int=2**128 - 1)
# Whether it is of a protected person; a duty when its person is, or whose it was, with which it is compared.
_MARKED: Final = (
    is_marked(":organisation", "latest.object_id", "CASE WHEN CAST(:kind AS text) = 'duties' THEN latest.refs[1] END")
    + f"OR CAST(:kind AS text) = 'duties' AND {was_of_marked(':organisation', 'latest.object_id')}"
)

# Each object as `accept_run` would freeze it, with what the target has accepted last and what the rules say against it
# in that roster. Between two keys of the index, with a limit that the planner knows; each OFFSET and LIMIT keeps this a
# look by an index for each.
_ROSTER: Final = f"""
    WITH slice AS MATERIALIZED (
        SELECT object_id, ordinal FROM roster_item
        WHERE (roster_id, kind, ordinal) > (:roster, :kind, :after)
            AND (roster_id, kind, ordinal) <= (:roster, :kind, :last)
        ORDER BY roster_id, kind, ordinal LIMIT {{limit}}
    )
    SELECT slice.ordinal, latest.*, kept.bytes, kept.first_byte, known.accepted, known.accepted_upload,
        against.issues AS refused, {_MARKED} AS is_marked
    FROM slice CROSS JOIN LATERAL (
        SELECT one.object_id, one.roster_id, one.ordinal AS its_ordinal, one.source, one.outgoing,
            one.upload, one.refs, one.protected, one.sendable, one.issues
        FROM roster_item one
        WHERE one.organisation_id = :organisation AND one.object_id = slice.object_id AND one.kind = :kind
        ORDER BY one.upload DESC LIMIT 1
    ) latest LEFT JOIN LATERAL (
        SELECT octet_length(sealed) AS bytes, get_byte(substring(sealed FOR 1), 0) AS first_byte FROM content
        WHERE organisation_id = :organisation AND digest = latest.outgoing OFFSET 0
    ) kept ON true LEFT JOIN LATERAL (
        SELECT accepted, accepted_upload FROM object
        WHERE organisation_id = :organisation AND kind = :kind AND id = latest.object_id AND gone_at IS NULL OFFSET 0
    ) known ON true LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('code', code, 'severity', severity,
            'pointer', pointer, 'ids', to_jsonb(ids), 'cause', cause)) ORDER BY origin, number) AS issues
        FROM (
            SELECT * FROM finding
            WHERE finding.roster_id BETWEEN latest.roster_id AND latest.roster_id AND finding.kind = :kind
                AND finding.ordinal = latest.its_ordinal AND finding.severity = 'error' OFFSET 0
        ) finding
    ) against ON true
    ORDER BY slice.ordinal
"""  # noqa: S608 - a condition of ours
# The jobs of the latest run of which something has left.
_LAST_JOBS: Final = sa.text(
    """
    SELECT job.kind, job.id FROM job WHERE job.run_id = (
        SELECT id FROM run
        WHERE organisation_id = :organisation AND activity_id = :activity AND started_at IS NOT NULL AND EXISTS (
            SELECT FROM job sent WHERE sent.run_id = run.id AND sent.total > sent.pending + sent.skipped
        )
        ORDER BY sequence DESC LIMIT 1
    )
    """
)
# What such a job had, the target has, and no roster wants any more.
_JOB: Final = """
    SELECT before.*, known.accepted, known.accepted IS NOT NULL AND wanted.found IS NULL AS is_left
    FROM (
        SELECT object_id, source, refs, protected FROM record
        WHERE (job_id, object_id) > (:job, :after) AND (job_id, object_id) <= (:job, :last)
        ORDER BY job_id, object_id LIMIT {limit}
    ) before LEFT JOIN LATERAL (
        SELECT accepted FROM object
        WHERE organisation_id = :organisation AND kind = :kind AND id = before.object_id AND gone_at IS NULL OFFSET 0
    ) known ON true LEFT JOIN LATERAL (
        SELECT true AS found FROM roster_item item
        WHERE item.organisation_id = :organisation AND item.object_id = before.object_id AND item.kind = :kind LIMIT 1
    ) wanted ON true
    ORDER BY before.object_id
"""


async def roster_slice(
    conn: AsyncConnection, organisation_id: UUID, roster_id: UUID, kind: str, *, after: int, limit: int
) -> Sequence[Row]:
    """Reads a slice of one list of a roster, in its order, each object in its latest upload in the organisation.

    With each are the length of what would be sent, what the target has accepted last, and the findings against it.
    """
    given = {"organisation": organisation_id, "kind": kind, "roster": roster_id, "after": after, "last": _LAST}
    return (await conn.execute(sa.text(_ROSTER.format(limit=int(limit))), given)).all()


async def last_jobs(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> Mapping[str, UUID]:
    """Gives the jobs of an activity's latest run of which something has left, by kind."""
    found = await conn.execute(_LAST_JOBS, {"organisation": organisation_id, "activity": activity_id})
    return {row.kind: row.id for row in found}


async def job_slice(
    conn: AsyncConnection, organisation_id: UUID, job_id: UUID, kind: str, *, after: UUID, limit: int
) -> Sequence[Row]:
    """Reads a slice of a job's objects, by id; `is_left` are those that the target has and no roster any more."""
    given = {"organisation": organisation_id, "kind": kind, "job": job_id, "after": after, "last": _LAST_ID}
    return (await conn.execute(sa.text(_JOB.format(limit=int(limit))), given)).all()


async def withheld(
    conn: AsyncConnection, organisation_id: UUID, kind: str, allowed: Collection[str], rows: Sequence[Row]
) -> Mapping[UUID, Row]:
    """Picks those of a slice that stay here until somebody allows it, by id: `weaker`, `reused`."""
    sent = [row for row in rows if row.sendable]
    given = {
        "organisation": organisation_id,
        "kind": kind,
        "allowed": list(allowed),
        "ids": [row.object_id for row in sent],
        "contents": [row.outgoing for row in sent],
    }
    query = (
        "SELECT * FROM withheld(:organisation, :kind, CAST(:allowed AS text[]), NULL, CAST(:ids AS uuid[]),"
        " CAST(:contents AS bytea[]))"
    )
    return {row.object_id: row for row in await conn.execute(sa.text(query), given)}


async def was_sent_with_objects(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> bool:
    """Tells whether an activity's roster had objects when it was sent last."""
    query = "SELECT coalesce(sum(number), 0) > 0 FROM last_sent(:organisation, :activity)"
    return bool(await conn.scalar(sa.text(query), {"organisation": organisation_id, "activity": activity_id}))
