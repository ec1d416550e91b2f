"""Who is protected, as a condition of statements: whom an upload has marked once, whatever has become of its roster.

That is a row of `protected_object`, which a roster that comes in writes, and which goes when the target has accepted
that they are not protected, as somebody has allowed since. What a record, an item or a plan has noted of an object at
its time is added where that is read.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


def is_marked(organisation: str, *persons: str) -> str:
    """Writes the condition that one of these `persons` of an `organisation` is marked; all are expressions for ids.

    The OFFSET keeps this a look by an index for each, whatever the statistics say.
    """
    ids = ", ".join(persons)
    return f"""
        (EXISTS (
            SELECT FROM protected_object marked
            WHERE marked.organisation_id = {organisation} AND marked.object_id IN ({ids})
            OFFSET 0
        ))
    """


def was_of_marked(organisation: str, duty: str) -> str:
    """Writes the condition that a record of an `organisation` has a `duty` as a marked person's; both are expressions.

    The OFFSETs keep this a look by an index for each: beside policies none serves a comparison with a subscript.
    """
    return f"""
        (EXISTS (
            SELECT FROM (SELECT * FROM record WHERE record.object_id = {duty} OFFSET 0) sent
            CROSS JOIN LATERAL (SELECT sent.refs[1] AS id OFFSET 0) person
            WHERE sent.organisation_id = {organisation} AND sent.kind = 'duties'
                AND {is_marked(organisation, "person.id")}
            OFFSET 0
        ))
    """  # noqa: S608 - expressions of ours


# Themselves by a roster, or in none by their latest record; duties by whomever a roster or a record says that they are
# of, or were. Of duties apart: beside policies an index serves no comparison with such an expression.
_AMONG = f"""
    SELECT wanted.id FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS there, bool_or(protected) AS protected,
            array_agg(refs[1]) FILTER (WHERE kind = 'duties') AS persons
        FROM (
            SELECT * FROM roster_item WHERE roster_item.object_id = wanted.id OFFSET 0
        ) item
        WHERE item.organisation_id = :organisation AND item.kind IN ('persons', 'duties')
    ) item
    CROSS JOIN LATERAL (
        SELECT (array_agg(protected ORDER BY upload DESC, completed_at DESC NULLS FIRST))[1] AS protected,
            array_agg(DISTINCT refs[1]) FILTER (WHERE kind = 'duties') AS persons
        FROM (SELECT * FROM record WHERE record.object_id = wanted.id OFFSET 0) record
        WHERE record.organisation_id = :organisation AND record.kind IN ('persons', 'duties')
    ) sent
    WHERE item.protected OR (sent.protected AND NOT item.there) IS TRUE
        OR {is_marked(":organisation", "wanted.id")} OR EXISTS (
        SELECT FROM unnest(item.persons || sent.persons) AS person (id)
        WHERE {is_marked(":organisation", "person.id")}
        OFFSET 0
    )
"""  # noqa: S608 - constants of ours


async def list_marked(conn: AsyncConnection, organisation_id: UUID) -> Sequence[UUID]:
    """Lists whom of an organisation an upload has marked."""
    query = sa.text("SELECT object_id FROM protected_object WHERE organisation_id = :organisation")
    return (await conn.scalars(query, {"organisation": organisation_id})).all()


async def protected_among(conn: AsyncConnection, organisation_id: UUID, ids: Iterable[UUID]) -> frozenset[UUID]:
    """Gives those of these `ids` that are of protected persons, or of duties that are theirs or were once."""
    found = await conn.execute(sa.text(_AMONG), {"organisation": organisation_id, "ids": list(ids)})
    return frozenset(found.scalars())
