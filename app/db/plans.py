"""What callers read of plans. Scoped to one organisation first of all.

An object is protected when it was so in the plan's roster or at the target then, or when its person is marked now (see
`protection`); a duty when its person is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.protection import is_marked, was_of_marked
from app.db.reads import Row
from app.db.schema import plan, protected_object
from app.domain.kinds import Kind
from app.domain.plan import OF_PERSONS

_LAST: Final = 2**31 - 1
_OF: Final = "(SELECT sealed FROM content WHERE content.organisation_id = :organisation AND content.digest = {})"
# Each OFFSET and LIMIT keeps this a look by an index for each, whatever the statistics say.
_COLUMNS: Final = f"""
    SELECT one.*, {_OF.format("one.source")} AS source_sealed, {_OF.format("one.outgoing")} AS outgoing_sealed,
        {_OF.format("one.accepted")} AS accepted_sealed,
        person.source AS person_source, {_OF.format("person.source")} AS person_source_sealed,
        one.protected OR coalesce(person.protected, false)
            OR {is_marked("one.organisation_id", "one.object_id", "one.person_id")}
            OR one.kind = 'duties' AND {was_of_marked("one.organisation_id", "one.object_id")} AS hidden
"""
_PERSON: Final = """
    LEFT JOIN LATERAL (
        SELECT source, protected FROM (
            SELECT * FROM plan_item WHERE plan_item.object_id = one.person_id OFFSET 0
        ) any_plan
        WHERE any_plan.plan_id = :plan AND any_plan.kind = 'persons' AND any_plan.organisation_id = :organisation
    ) person ON true
    WHERE one.organisation_id = :organisation
"""
_ITEMS: Final = f"""
    {_COLUMNS}
    FROM (
        SELECT * FROM plan_item
        WHERE (plan_id, kind, ordinal) > (:plan, :kind, :after) AND (plan_id, kind, ordinal) <= (:plan, :kind, :last)
            {{narrowed}}
        ORDER BY plan_id, kind, ordinal LIMIT {{limit}}
    ) one {_PERSON}
    ORDER BY one.ordinal
"""  # noqa: S608 - constants of ours
# The marks as who sees names and nobody protected is shown them: of whom an upload has marked since as who sees nobody
# is. Any of these may be in a group or an activity, which is shown so once there is one.
_OPEN_MARKS: Final = f"""
    CASE WHEN kind IN ('groups', 'activities') THEN CASE WHEN :marked_since THEN plain_marks ELSE open_marks END
        WHEN protected OR {is_marked("plan_item.organisation_id", "plan_item.object_id", "plan_item.person_id")}
            OR kind = 'duties' AND {was_of_marked("plan_item.organisation_id", "plan_item.object_id")}
            OR EXISTS (
                SELECT FROM (
                    SELECT * FROM plan_item its WHERE its.object_id = plan_item.person_id OFFSET 0
                ) person
                WHERE person.plan_id = :plan AND person.kind = 'persons' AND person.protected
            ) THEN plain_marks
        ELSE open_marks END
"""  # noqa: S608 - constants of ours
_NAMED: Final = f"""
    {_COLUMNS}
    FROM unnest(CAST(:kinds AS text[]), CAST(:objects AS uuid[])) AS wanted (kind, id) CROSS JOIN LATERAL (
        SELECT * FROM plan_item WHERE plan_item.object_id = wanted.id OFFSET 0
    ) one {_PERSON} AND one.plan_id = :plan AND one.kind = wanted.kind
"""  # noqa: S608 - constants of ours

_WITHHELD: Final = """
    SELECT DISTINCT code FROM unnest(CAST(:plans AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
        SELECT codes FROM plan_item
        WHERE plan_item.plan_id = wanted.id AND plan_item.kind = 'persons'
            AND plan_item.organisation_id = :organisation
        OFFSET 0
    ) one CROSS JOIN LATERAL unnest(one.codes) AS each (code)
    WHERE code = ANY (CAST(:codes AS text[]))
"""


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """What the items of a plan are narrowed to, each to one of several; nothing given means all."""

    stages: Sequence[str] = ()
    decisions: Sequence[str] = ()
    marks: Sequence[str] = ()
    codes: Sequence[str] = ()


# Counts are as they were when the plan was made.
_WITH_MARKED: Final = (
    plan,
    sa.func.coalesce(
        sa.select(sa.func.max(protected_object.c.marked_at))
        .where(protected_object.c.organisation_id == plan.c.organisation_id)
        .scalar_subquery()
        > plan.c.created_at,
        sa.false(),
    ).label("marked_since"),
)


async def find_plan(conn: AsyncConnection, organisation_id: UUID, plan_id: UUID) -> Row | None:
    """Gives a plan with its counts; `marked_since` tells whether an upload has marked anybody since."""
    query = sa.select(*_WITH_MARKED).where(plan.c.organisation_id == organisation_id, plan.c.id == plan_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def list_plans(
    conn: AsyncConnection,
    organisation_id: UUID,
    activity_id: UUID,
    *,
    made_by: UUID | None,
    after: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row]:
    """Lists the plans that are kept of an activity, the newest first, with one to spare; each as above.

    `made_by` narrows them to those of one key; they begin behind the creation time and the id of `after`.
    """
    query = (
        sa.select(*_WITH_MARKED)
        .where(plan.c.organisation_id == organisation_id, plan.c.activity_id == activity_id)
        .order_by(plan.c.created_at.desc(), plan.c.id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(sa.tuple_(plan.c.created_at, plan.c.id) < sa.tuple_(*map(sa.literal, after)))
    if made_by is not None:
        query = query.where(plan.c.requested_by_id == made_by)
    return (await conn.execute(query)).mappings().all()


async def list_items(
    conn: AsyncConnection,
    organisation_id: UUID,
    plan_id: UUID,
    wanted: ItemFilter,
    *,
    protected: bool,
    others: bool,
    marked_since: bool,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[Row]:
    """Lists what a plan says of its objects, by stage and ordinal, with one to spare.

    A mark that is wanted finds what is shown to who asks, without `protected` or without `others` as well. Once an
    upload has marked anybody since, `marked_since`, groups and activities are found as without either.
    """
    marks = "marks" if protected else _OPEN_MARKS if others else "plain_marks"
    first, place = after if after is not None else (Kind.PERSONS, -1)
    narrowed = "".join(
        f" AND {condition}"
        for condition, values in (
            ("decision = ANY (:decisions)", wanted.decisions),
            (f"{marks} && CAST(:marks AS text[])", wanted.marks),
            ("codes && CAST(:codes AS text[])", wanted.codes),
        )
        if values
    )
    found: list[Row] = []
    for kind in Kind:
        if kind.position < Kind(first).position or (wanted.stages and kind.value not in wanted.stages):
            continue
        given = {
            "organisation": organisation_id,
            "plan": plan_id,
            "kind": kind.value,
            "after": place if kind == first else -1,
            "last": _LAST,
            **({"decisions": list(wanted.decisions)} if wanted.decisions else {}),
            **({"marks": list(wanted.marks)} if wanted.marks else {}),
            **({"marked_since": marked_since} if wanted.marks and marks == _OPEN_MARKS else {}),
            **({"codes": list(wanted.codes)} if wanted.codes else {}),
        }
        # Of a limit that it does not know, a planner expects a tenth of all rows.
        query = _ITEMS.format(narrowed=narrowed, limit=limit + 1 - len(found))
        rows = await conn.execute(sa.text(query), given)
        found += rows.mappings().all()
        if len(found) > limit:
            break
    return found


async def list_named(
    conn: AsyncConnection, organisation_id: UUID, plan_id: UUID, references: Iterable[tuple[str, UUID]]
) -> Sequence[Row]:
    """Gives a plan's items of these objects, by kind and id; those that it has."""
    kinds, objects = zip(*references, strict=True)
    given = {"organisation": organisation_id, "plan": plan_id, "kinds": list(kinds), "objects": list(objects)}
    return (await conn.execute(sa.text(_NAMED), given)).mappings().all()


async def list_withheld(conn: AsyncConnection, organisation_id: UUID, plan_ids: Iterable[UUID]) -> frozenset[str]:
    """Gives what of `OF_PERSONS` keeps anybody back in one of these plans."""
    given = {"organisation": organisation_id, "plans": list(plan_ids), "codes": list(OF_PERSONS)}
    return frozenset(await conn.scalars(sa.text(_WITHHELD), given))
