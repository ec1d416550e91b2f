"""Searches: among a job's records, and among an organisation's objects. Scoped to one organisation first of all.

What comes out are candidates, in the order of their pages: they have the buckets that were asked for. Whether they fit
what was sought is seen when they are opened, by whoever asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.results import BESIDE, RECORD_COLUMNS, Row
from app.domain.lifecycle import RECORD
from app.domain.search import Query

# A page looks at so many candidates more than it may show. Where more of them do not fit it ends before it is full.
SPARE = 200


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked up: objects with these ids or, where there are none, those with a bucket of each of these."""

    ids: Sequence[UUID]
    buckets: Sequence[Sequence[int]]

    @classmethod
    def of(cls, query: Query, cipher: OrganisationCipher) -> "Sought":
        """Gives what `query` looks up in the cipher's organisation."""
        return cls(query.ids, [] if query.ids else [cipher.buckets(keys) for keys in query.sought()])

    @property
    def hits(self) -> str:
        """Writes the contents that are found as the rows of `hit`.

        Only the index of words can give them, or that of objects: by the organisation it would be all of its contents.
        """
        found = (
            "object_id = ANY (:ids)"
            if self.ids
            else " AND ".join(f"words && :buckets_{number}" for number in range(len(self.buckets)))
        )
        return f"""
            hit AS MATERIALIZED (
                SELECT kind, object_id, digest FROM content
                WHERE (organisation_id = :organisation) IS TRUE AND {found}
            )
        """  # noqa: S608 - constants of ours

    def bound(self, query: str, **given: Any) -> sa.TextClause:
        """Binds the values of a statement that has `hits` in it."""
        values: dict[str, Any] = {"ids": list(self.ids)} if self.ids else {}
        types: dict[str, Any] = {name: sa.ARRAY(sa.UUID) for name in values}
        for number, buckets in enumerate(self.buckets):
            values[f"buckets_{number}"], types[f"buckets_{number}"] = list(buckets), sa.ARRAY(sa.Integer)
        typed = [sa.bindparam(name, value, types.get(name)) for name, value in (values | given).items()]
        return sa.text(query).bindparams(*typed)


async def search_records(
    conn: AsyncConnection,
    organisation_id: UUID,
    job_id: UUID,
    sought: Sought,
    *,
    status: str | None,
    after: int | None,
    limit: int,
    protected: bool,
) -> Sequence[Row]:
    """Lists candidates among a job's records in the roster's order, at most `limit`.

    A duty is one as its person is. Without `protected` there are none that are protected: a hit tells who it is.
    """
    # An id as a range keeps this a look by the job and the object: as an equality the object's own index would do as
    # well, and that has it in all runs. A job's duties are few, and none is known by its person: they are passed over
    # one by one. The test by IS TRUE keeps that a look into the hits for each, whatever is expected of them.
    query = f"""
        WITH {sought.hits}, candidate AS MATERIALIZED (
            SELECT own.object_id, own.ordinal FROM hit CROSS JOIN LATERAL (
                SELECT object_id, ordinal, status, source FROM record
                WHERE record.job_id = :job AND record.object_id BETWEEN hit.object_id AND hit.object_id OFFSET 0
            ) own
            WHERE hit.kind = (SELECT kind FROM job WHERE id = :job) AND own.source = hit.digest
                AND own.status = ANY (:statuses) AND own.ordinal > :after
            UNION
            SELECT duty.object_id, duty.ordinal FROM (
                SELECT run_id FROM job WHERE id = :job AND kind = 'duties' OFFSET 0
            ) job
            CROSS JOIN LATERAL (
                SELECT object_id, ordinal, status, refs FROM record
                WHERE record.run_id = job.run_id AND record.kind = 'duties' OFFSET 0
            ) duty
            WHERE (duty.refs[1] IN (SELECT object_id FROM hit WHERE hit.kind = 'persons')) IS TRUE
                AND duty.status = ANY (:statuses) AND duty.ordinal > :after
        )
        SELECT listed.* FROM (SELECT * FROM candidate ORDER BY ordinal OFFSET 0) candidate CROSS JOIN LATERAL (
            {RECORD_COLUMNS} FROM (
                SELECT * FROM record WHERE record.job_id = :job
                    AND record.object_id BETWEEN candidate.object_id AND candidate.object_id OFFSET 0
            ) one {BESIDE}
            WHERE one.organisation_id = :organisation {"" if protected else "AND NOT protection.hidden"}
        ) listed
        ORDER BY candidate.ordinal LIMIT :limit
    """  # noqa: S608 - constants of ours
    bound = sought.bound(
        query,
        organisation=organisation_id,
        job=job_id,
        statuses=list(RECORD) if status is None else [status],
        after=-1 if after is None else after,
        limit=limit,
    )
    return (await conn.execute(bound)).mappings().all()
