"""Searches: among a job's records, and among an organisation's objects. Scoped to one organisation first of all.

What comes out are candidates, in the order of their pages: they have the buckets that were asked for. Whether they fit
what was sought is seen when they are opened, by whoever asks.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.record_lists import RecordFilter, RecordOrder
from app.db.results import BESIDE, RECORD_COLUMNS, Row
from app.domain.search import Query

T = TypeVar("T")

# Nearly all candidates fit, and each is looked up and opened: a page looks at a few more than it may show, and only
# where these do not fill it at so many. Where even more of them do not fit it ends before it is full.
_SPARE = (10, 200)
# Only the index of objects can give the one, or that of words the other: by the organisation it would be all of its
# contents.
_BY_ID = """
    SELECT kind, object_id, digest FROM content
    WHERE (organisation_id = :organisation) IS TRUE AND object_id = ANY (:ids)
"""
_BY_WORDS = "SELECT kind, object_id, digest FROM worded_contents(:organisation, :buckets)"


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked up: objects with one of these ids, and those with a bucket of each of these."""

    ids: Sequence[UUID]
    buckets: Sequence[Sequence[int]]

    @classmethod
    def of(cls, query: Query, cipher: OrganisationCipher) -> "Sought":
        """Gives what `query` looks up in the cipher's organisation."""
        # Where there is an id that finds enough: what an object is, or what an address has before its `@`.
        sought = [set(map(str, query.ids))] if query.ids else query.sought()
        return cls(query.ids, [cipher.buckets(keys) for keys in sought])

    @property
    def hits(self) -> str:
        """Writes the contents that are found as the rows of `hit`."""
        # Each way by its own index: an OR of them would leave that to the planner.
        ways = [_BY_ID] if self.ids else []
        if self.buckets:
            ways.append(_BY_WORDS)
        return f"hit AS MATERIALIZED ({' UNION '.join(ways)})"

    def bound(self, query: str, **given: Any) -> sa.TextClause:
        """Binds the values of a statement that has `hits` in it."""
        values: dict[str, Any] = {"ids": list(self.ids)} if self.ids else {}
        types: dict[str, Any] = {name: sa.ARRAY(sa.UUID) for name in values}
        if self.buckets:
            values["buckets"] = [f"{{{','.join(map(str, each))}}}" for each in self.buckets]
            types["buckets"] = sa.ARRAY(sa.Text)
        typed = [sa.bindparam(name, value, types.get(name)) for name, value in (values | given).items()]
        return sa.text(query).bindparams(*typed)


async def sifted(
    limit: int,
    candidates: Callable[[int], Awaitable[Sequence[Row]]],
    sift: Callable[[Sequence[Row], int], tuple[list[T], str | None]],
) -> tuple[list[T], str | None]:
    """Gives a page of `limit` of what was sought, with the cursor of the next one.

    `candidates` lists them, at most so many; `sift` opens them and gives those that fit, and whether there may be more.
    """
    for spare in _SPARE:
        most = limit + spare
        found, following = sift(await candidates(most), most)
        if len(found) == limit or following is None:
            break
    return found, following


async def search_records(
    conn: AsyncConnection,
    organisation_id: UUID,
    job_id: UUID,
    sought: Sought,
    wanted: RecordFilter,
    order: RecordOrder,
    *,
    after: tuple[Any, ...] | None,
    limit: int,
    protected: bool,
) -> Sequence[Row]:
    """Lists candidates among a job's records, at most `limit`.

    A duty is one as its person is. Without `protected` there are none that are protected: a hit tells who it is.
    """
    # All ids as one list keep this one walk along the index by the job and the object, however many have a common name.
    # A job's duties are few, and none is known by its person: they are passed over one by one. The tests by IS TRUE
    # keep both a look into the hits for each, whatever is expected of them.
    fits = wanted.conditions("own") + order.behind("own", after)
    query = f"""
        WITH {sought.hits}, candidate AS MATERIALIZED (
            SELECT own.object_id, own.ordinal, own.status, own.completed_at FROM (
                SELECT * FROM record WHERE record.job_id = :job AND record.object_id = ANY (ARRAY(
                    SELECT object_id FROM hit WHERE kind = (SELECT kind FROM job WHERE id = :job)
                )) OFFSET 0
            ) own
            WHERE ((own.object_id, own.source) IN (SELECT object_id, digest FROM hit)) IS TRUE
                {fits}
            UNION
            SELECT own.object_id, own.ordinal, own.status, own.completed_at FROM (
                SELECT run_id FROM job WHERE id = :job AND kind = 'duties' OFFSET 0
            ) job
            CROSS JOIN LATERAL (
                SELECT * FROM record
                WHERE record.run_id = job.run_id AND record.kind = 'duties' OFFSET 0
            ) own
            WHERE (own.refs[1] IN (SELECT object_id FROM hit WHERE hit.kind = 'persons')) IS TRUE
                {fits}
        )
        -- Sorted by columns, which the sort around it has as well: so none is looked up beyond the limit.
        SELECT listed.* FROM (
            SELECT object_id, {order.columns("candidate")} FROM candidate
            ORDER BY {order.sorting("candidate")} OFFSET 0
        ) candidate CROSS JOIN LATERAL (
            {RECORD_COLUMNS} FROM (
                SELECT * FROM record WHERE record.job_id = :job
                    AND record.object_id BETWEEN candidate.object_id AND candidate.object_id OFFSET 0
            ) one {BESIDE}
            WHERE one.organisation_id = :organisation {"" if protected else "AND NOT protection.hidden"}
        ) listed
        ORDER BY {order.sorted_columns("candidate")} LIMIT :limit
    """  # noqa: S608 - constants of ours
    bound = sought.bound(
        query,
        organisation=organisation_id,
        job=job_id,
        limit=limit,
        **wanted.values,
        **order.place(after),
    )
    return (await conn.execute(bound)).mappings().all()
