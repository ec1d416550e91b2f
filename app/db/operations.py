"""What operators read over all organisations: how much there is to do, and who is paused. No person is in it."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

Row = sa.RowMapping

# The laterals keep these looks over the partial indexes of what is live, whatever the statistics say; of jobs that are
# due no more are counted than anybody needs to know.
_ORGANISATIONS = """
    SELECT listed.*, due.jobs_due, due.oldest_due_at, live.running, live.held, waiting.runs AS waiting
    FROM (
        SELECT id, number, name, disabled_at FROM organisation WHERE {which} ORDER BY number LIMIT :limit
    ) listed CROSS JOIN LATERAL (
        SELECT count(*) AS jobs_due, min(due_at) AS oldest_due_at FROM (
            SELECT due_at FROM job WHERE organisation_id = listed.id AND status IN ('queued', 'running')
                AND holder IS NULL AND due_at <= clock_timestamp()
            ORDER BY due_at LIMIT 1000
        ) first
    ) due CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE status = 'running') AS running, count(*) FILTER (WHERE status = 'held') AS held
        FROM (
            SELECT status FROM run WHERE organisation_id = listed.id AND status IN ('running', 'held') OFFSET 0
        ) each
    ) live CROSS JOIN LATERAL (
        SELECT count(*) AS runs FROM (
            SELECT FROM run WHERE organisation_id = listed.id AND status = 'queued' OFFSET 0
        ) each
    ) waiting ORDER BY listed.number
"""


# Of more organisations than these nobody has narrowed anything down.
_MOST_MATCHING = 1000
_LIKE = "(starts_with(number, :like) OR position(lower(:like) IN lower(name)) > 0)"


async def list_organisations(conn: AsyncConnection, after: str, limit: int, like: str = "") -> Sequence[Row]:
    """Lists organisations by their numbers, those behind `after`: what is due, under way and waiting of each.

    `like` is how a number begins, or a part of a name. Jobs that are due are counted up to 1,000.
    """
    return await _organisations(conn, f"number > :number AND {_LIKE}", limit, number=after, like=like)


async def matching_numbers(conn: AsyncConnection, like: str) -> list[str]:
    """Gives the numbers of the organisations whose number begins so, or whose name has this in it."""
    query = sa.text(f"SELECT number FROM organisation WHERE {_LIKE} ORDER BY number LIMIT :limit")  # noqa: S608 - ours
    return list((await conn.scalars(query, {"like": like, "limit": _MOST_MATCHING})).all())


async def read_organisation(conn: AsyncConnection, number: str) -> Row | None:
    """Gives the same of the organisation with this number."""
    found = await _organisations(conn, "number = :number", 1, number=number)
    return found[0] if found else None


async def _organisations(conn: AsyncConnection, which: str, limit: int, **values: str) -> Sequence[Row]:
    query = sa.text(_ORGANISATIONS.replace("{which}", which))
    return (await conn.execute(query, {**values, "limit": limit})).mappings().all()


async def latest_runs(conn: AsyncConnection, organisation_id: UUID, limit: int) -> Sequence[Row]:
    """Lists an organisation's runs, the newest first; `latest` is whether its activity has none after it."""
    found = await conn.execute(
        sa.text(
            """
            SELECT listed.*, sequence = (
                -- in their order, which one index has
                SELECT later.sequence FROM run later WHERE later.organisation_id = :organisation
                    AND later.activity_id = listed.activity_id ORDER BY later.sequence DESC LIMIT 1
            ) AS latest FROM (
                SELECT id, activity_id, sequence, status, outcome, created_at, finished_at, cancel_requested_at
                FROM run WHERE organisation_id = :organisation ORDER BY created_at DESC, id DESC LIMIT :limit
            ) listed ORDER BY created_at DESC, id DESC
            """
        ),
        {"organisation": organisation_id, "limit": limit},
    )
    return found.mappings().all()


async def find_organisation(conn: AsyncConnection, number: str) -> UUID | None:
    """Gives the id of the organisation with a number."""
    found: UUID | None = await conn.scalar(
        sa.text("SELECT id FROM organisation WHERE number = :number"), {"number": number}
    )
    return found


async def organisation_names(conn: AsyncConnection, numbers: Iterable[str]) -> dict[str, str]:
    """Gives what organisations are called, by their numbers."""
    found = await conn.execute(
        sa.text("SELECT number, name FROM organisation WHERE number = ANY (:numbers)"), {"numbers": list(numbers)}
    )
    return {row.number: row.name for row in found}


async def find_run(conn: AsyncConnection, run_id: UUID) -> Row | None:
    """Gives whose a run is, and how it stands."""
    found = await conn.execute(
        sa.text(
            """
            SELECT run.id, organisation_id, number AS organisation, activity_id, sequence, status, cancel_requested_at
            FROM run JOIN organisation ON organisation.id = run.organisation_id WHERE run.id = :run
            """
        ),
        {"run": run_id},
    )
    return found.mappings().one_or_none()


async def job_counts(conn: AsyncConnection, job_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Gives how many records each of these jobs has, in all and by status."""
    found = await conn.execute(
        sa.text(
            """
            SELECT id, total, pending, sent, unchanged, succeeded, warnings, errors, skipped FROM job
            WHERE id = ANY (:jobs)
            """
        ),
        {"jobs": list(job_ids)},
    )
    return {row["id"]: dict(row) for row in found.mappings()}
