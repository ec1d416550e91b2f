"""What is wrong with current rosters, or worth a look: how findings are written, counted and listed.

Who finds them is not known here. They go with their roster.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tasks
from app.db.protection import is_marked
from app.db.reads import Row
from app.db.rows import insert_rows
from app.db.schema import activity, organisation
from app.db.units import is_told
from app.domain.issues import COUNTED, OF_MEMBERS, Finding
from app.domain.kinds import Kind

Origin = Literal["object", "across", "open_data", "rosters"]
ORIGINS: tuple[Origin, ...] = ("object", "across", "open_data", "rosters")

_IN_A_THREAD = 500
# Rows of one statement.
_AT_ONCE = 1000

# The kind of the tasks that look at a roster again; their keys are the ids of rosters.
FINDINGS = "findings"

_COLUMNS = {
    "organisation_id": "uuid",
    "roster_id": "uuid",
    "kind": "text",
    "ordinal": "int4",
    "origin": "text",
    "number": "int4",
    "object_id": "uuid",
    "code": "text",
    "severity": "text",
    "pointer": "text",
    "ids": "uuid[]",
    "cause": "text",
    "count": "int4",
}
# Of an object of the units, by its row in the very roster; one that counts objects is of none.
_OF_UNITS = f"""
    AND EXISTS (
        SELECT FROM (
            SELECT * FROM roster_item WHERE object_id BETWEEN finding.object_id AND finding.object_id OFFSET 0
        ) listed
        WHERE listed.roster_id = finding.roster_id AND listed.kind = finding.kind AND {is_told("listed")}
        OFFSET 0
    )
"""  # noqa: S608 - conditions of ours


def names_somebody(one: str) -> str:
    """Writes the condition that a finding `one` of members a group has lost, if it is that, is told to who asks.

    Who is not `:protected` is told of it where one of these is nobody marked: else it would tell where they go.
    """
    return f"""
        (:protected OR {one}.code <> '{OF_MEMBERS}' OR EXISTS (
            SELECT FROM unnest({one}.ids) AS lost (id)
            WHERE NOT {is_marked(f"{one}.organisation_id", "lost.id")}
            OFFSET 0
        ))
    """


_OF_ROSTER = "roster_id BETWEEN :roster AND :roster"


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """What a list of findings is narrowed to, each to one of several; nothing given means all."""

    kinds: Sequence[str] = ()
    codes: Sequence[str] = ()
    severities: Sequence[str] = ()
    # Those that are not shown to who asks; nothing that is asked for.
    unshown: Sequence[str] = ()
    # The units of whose objects alone it is told who asks; nothing that is asked for.
    of_units: Sequence[UUID] = ()
    # Whether it is told of protected persons of these.
    protected: bool = True


async def add_findings(
    conn: AsyncConnection,
    organisation_id: UUID,
    roster_id: UUID,
    origin: Origin,
    found: Iterable[Finding] | AsyncIterable[Finding],
    *,
    after: int = 0,
) -> None:
    """Writes findings of an origin; those of one object are numbered on from `after`, up to which there may be some."""
    numbers: dict[tuple[str, int], int] = {}
    rows: list[tuple[Any, ...]] = []
    async for each in found if isinstance(found, AsyncIterable) else _one_by_one(found):
        number = numbers[each.kind, each.ordinal] = numbers.get((each.kind, each.ordinal), after) + 1
        issue, place = each.issue, (each.kind, each.ordinal, origin, number, each.object_id)
        said = (issue.code, issue.severity, issue.pointer or "", list(issue.ids) or None, issue.cause, each.count)
        rows.append((organisation_id, roster_id, *place, *said))
        if len(rows) >= _AT_ONCE:
            await insert_rows(conn, "finding", _COLUMNS, rows)
            rows.clear()
    await insert_rows(conn, "finding", _COLUMNS, rows)


async def in_threads(found: Iterator[Finding]) -> AsyncIterator[Finding]:
    """Gives findings as they are made, some at a time in a thread: others have the loop meanwhile."""
    while some := await asyncio.to_thread(lambda: list(islice(found, _IN_A_THREAD))):
        for each in some:
            yield each


async def _one_by_one(found: Iterable[Finding]) -> AsyncIterator[Finding]:
    for each in found:
        yield each


async def remove_findings(
    conn: AsyncConnection, organisation_id: UUID, roster_id: UUID, origins: Iterable[Origin] = ORIGINS
) -> None:
    """Removes a roster's findings of these origins."""
    await conn.execute(
        sa.text(
            f"DELETE FROM finding WHERE {_OF_ROSTER} AND organisation_id = :organisation AND origin = ANY (:origins)"  # noqa: S608
        ),
        {"organisation": organisation_id, "roster": roster_id, "origins": list(origins)},
    )


async def count_findings(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> None:
    """Counts the findings of an activity's roster anew."""
    # In a statement of its own: the next one sees what whoever held the activity has written.
    c = activity.c
    held = sa.select(c.id).where(c.organisation_id == organisation_id, c.id == activity_id)
    await conn.execute(held.with_for_update(key_share=True))
    await conn.execute(
        sa.text(
            """
            UPDATE activity SET findings_errors = counted.errors, findings_warnings = counted.warnings,
                findings_by_code = counted.by_code
            FROM activity of CROSS JOIN LATERAL (
                SELECT coalesce(sum(many) FILTER (WHERE severity = 'error'), 0) AS errors,
                    coalesce(sum(many) FILTER (WHERE severity = 'warning'), 0) AS warnings,
                    coalesce(jsonb_object_agg(code, many), '{}') AS by_code
                FROM (
                    SELECT code, severity, count(*) AS many FROM finding
                    WHERE finding.roster_id BETWEEN of.roster_id AND of.roster_id GROUP BY code, severity
                ) each
            ) counted
            WHERE of.organisation_id = :organisation AND of.id = :activity
                AND activity.organisation_id = of.organisation_id AND activity.id = of.id
            """
        ),
        {"organisation": organisation_id, "activity": activity_id},
    )


async def look_again(conn: AsyncConnection, organisation_id: UUID | None = None) -> None:
    """Has the rosters of an organisation, or of all of them, looked at again; what is under way of it begins anew.

    What rosters are held against has to have been changed before, in this transaction or another: an upload that is not
    in yet compares what it was held against under the organisation's lock, and is waited for.
    """
    one = sa.select(organisation.c.id)
    activities = sa.select(activity.c.roster_id, activity.c.organisation_id).where(activity.c.deleted_at.is_(None))
    if organisation_id is not None:
        one = one.where(organisation.c.id == organisation_id)
        activities = activities.where(activity.c.organisation_id == organisation_id)
    await conn.execute(one.order_by(organisation.c.id).with_for_update(key_share=True))
    rows = await conn.execute(activities)
    await tasks.renew(conn, FINDINGS, {str(roster_id): owner for roster_id, owner in rows})


async def list_findings(
    conn: AsyncConnection,
    organisation_id: UUID,
    activity_id: UUID,
    wanted: FindingFilter,
    *,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[Row]:
    """Lists what is wrong with the current roster, in its order: by (kind, ordinal, origin, number)."""
    first, *place = after if after is not None else (Kind.PERSONS, COUNTED, "", 0)
    narrowed = "".join(
        f" AND {column} = ANY (:{column})"
        for column, values in (("code", wanted.codes), ("severity", wanted.severities))
        if values
    )
    if wanted.unshown:
        narrowed += " AND code <> ALL (CAST(:unshown AS text[]))"
    if not wanted.protected:
        narrowed += f" AND {names_somebody('finding')}"
    if wanted.of_units:
        narrowed += _OF_UNITS
    found: list[Row] = []
    for kind in Kind:
        if kind.position < Kind(first).position or (wanted.kinds and kind.value not in wanted.kinds):
            continue
        ordinal, origin, number = place if kind == first else (COUNTED, "", 0)
        rows = await conn.execute(
            sa.text(
                f"""
                SELECT finding.* FROM activity CROSS JOIN LATERAL (
                    -- a range is taken to be narrow: of how many findings there were, old statistics know too little
                    SELECT * FROM finding
                    WHERE finding.roster_id BETWEEN activity.roster_id AND activity.roster_id AND kind = :kind
                        AND (ordinal, origin, number) > (:ordinal, :origin, :number){narrowed}
                    ORDER BY ordinal, origin, number LIMIT :limit
                ) finding
                WHERE activity.organisation_id = :organisation AND activity.id = :activity
                ORDER BY ordinal, origin, number
                """  # noqa: S608 - names of columns
            ),
            {
                "organisation": organisation_id,
                "activity": activity_id,
                "kind": kind.value,
                "ordinal": ordinal,
                "origin": origin,
                "number": number,
                "limit": limit + 1 - len(found),
                **({"unshown": list(wanted.unshown)} if wanted.unshown else {}),
                **({} if wanted.protected and not wanted.of_units else {"protected": wanted.protected}),
                **({"of_units": list(wanted.of_units)} if wanted.of_units else {}),
                **({"code": list(wanted.codes)} if wanted.codes else {}),
                **({"severity": list(wanted.severities)} if wanted.severities else {}),
            },
        )
        found += rows.mappings().all()
        if len(found) > limit:
            break
    return found


async def list_by_code(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, *, examples: int, protected: bool = True
) -> Sequence[Row]:
    """Gives the first findings of each code of the current roster, at most so many, the codes in no order.

    `found` is how often the code was found; an object that was counted with others counts as each of them. Without
    `protected` none is given that speaks of protected members alone.
    """
    query = sa.text(
        f"""
        SELECT example.*, by_code.many + counted.more AS found
        FROM activity CROSS JOIN LATERAL (
            SELECT key AS code, value::integer AS many FROM jsonb_each_text(activity.findings_by_code) OFFSET 0
        ) by_code
        CROSS JOIN LATERAL (
            -- those that count objects stand ahead of all objects of their kind
            SELECT coalesce(sum(finding.count - 1), 0)::integer AS more
            FROM unnest(CAST(:kinds AS text[])) AS each (kind) CROSS JOIN LATERAL (
                SELECT count FROM finding
                WHERE (code, roster_id, kind, ordinal) >= (by_code.code, activity.roster_id, each.kind, :counted)
                    AND (code, roster_id, kind, ordinal) <= (by_code.code, activity.roster_id, each.kind, :counted)
                OFFSET 0
            ) finding
        ) counted
        CROSS JOIN LATERAL (
            SELECT finding.* FROM unnest(CAST(:kinds AS text[])) WITH ORDINALITY AS each (kind, place)
            CROSS JOIN LATERAL (
                -- as the index by code has them, and no other
                SELECT * FROM finding
                WHERE (code, roster_id, kind) >= (by_code.code, activity.roster_id, each.kind)
                    AND (code, roster_id, kind) <= (by_code.code, activity.roster_id, each.kind)
                    AND {names_somebody("finding")}
                ORDER BY code, roster_id, kind, ordinal LIMIT :examples
            ) finding
            ORDER BY each.place, finding.ordinal, finding.origin, finding.number LIMIT :examples
        ) example
        WHERE activity.organisation_id = :organisation AND activity.id = :activity AND activity.deleted_at IS NULL
        """  # noqa: S608 - a condition of ours
    )
    given = {
        "organisation": organisation_id,
        "activity": activity_id,
        "protected": protected,
        "kinds": [kind.value for kind in Kind],
        "counted": COUNTED,
        "examples": examples,
    }
    return (await conn.execute(query, given)).mappings().all()


async def count_of_unseen_members(
    conn: AsyncConnection, organisation_id: UUID, activity_ids: Iterable[UUID]
) -> Mapping[UUID, int]:
    """Counts, of these activities' findings of members lost, those in which every one of these is marked."""
    query = sa.text(
        f"""
        SELECT wanted.id, count(*) AS number
        FROM unnest(CAST(:activities AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
            SELECT roster_id FROM activity
            WHERE activity.organisation_id = :organisation AND activity.id = wanted.id OFFSET 0
        ) of_roster CROSS JOIN LATERAL (
            SELECT * FROM finding
            WHERE (code, roster_id, kind) >= ('{OF_MEMBERS}', of_roster.roster_id, 'groups')
                AND (code, roster_id, kind) <= ('{OF_MEMBERS}', of_roster.roster_id, 'groups')
            OFFSET 0
        ) finding
        WHERE NOT {names_somebody("finding")}
        GROUP BY wanted.id
        """  # noqa: S608 - conditions of ours
    )
    given = {"organisation": organisation_id, "activities": list(activity_ids), "protected": False}
    return {row.id: row.number for row in await conn.execute(query, given)}


async def list_spoken_of(conn: AsyncConnection, organisation_id: UUID, object_ids: Sequence[UUID]) -> Sequence[Row]:
    """Gives what the names of these objects are made of, each as it was uploaded last; those of current rosters.

    `hidden` tells whether a protected person is spoken of, a duty's among them.
    """
    latest = """
        SELECT * FROM roster_item item
        WHERE item.organisation_id = :organisation AND item.object_id = {id} {and_kind}
        ORDER BY item.upload DESC LIMIT 1
    """
    sealed = "(SELECT sealed FROM content WHERE organisation_id = :organisation AND digest = {})"
    query = sa.text(
        f"""
        SELECT one.object_id, one.kind, one.source, {sealed.format("one.source")} AS source_sealed,
            person.object_id AS person_id, person.source AS person_source,
            {sealed.format("person.source")} AS person_source_sealed,
            one.protected OR
            {is_marked(":organisation", "one.object_id", "CASE WHEN one.kind = 'duties' THEN one.refs[1] END")}
                AS hidden
        FROM unnest(CAST(:objects AS uuid[])) AS wanted
        CROSS JOIN LATERAL ({latest.format(id="wanted", and_kind="")}) one
        LEFT JOIN LATERAL ({latest.format(id="one.refs[1]", and_kind="AND item.kind = 'persons'")}) person
            ON one.kind = 'duties'
        """  # noqa: S608 - constants of ours
    )
    return (await conn.execute(query, {"organisation": organisation_id, "objects": list(object_ids)})).mappings().all()
