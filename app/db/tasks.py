"""Tasks: the one mechanism for work that is not a job. Each has a kind and a key, and a time at which it is due.

One that calls the target is claimed by an epoch, as a job is; one that stays inside is claimed for a time. Whatever is
written of it repeats the number of its claim, and changes nothing once somebody else has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# One that stays inside is somebody else's after so long.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Task:
    """A task that this process has in hand; `waited` is how long after a failure, if it has failed last."""

    id: UUID
    kind: str
    key: str
    organisation_id: UUID | None
    claim: int
    waited: timedelta | None = None


async def add(conn: AsyncConnection, kind: str, key: str = "", organisation_id: UUID | None = None) -> None:
    """Makes a task that is due at once; one that is there already stays as it is."""
    await conn.execute(
        sa.text(
            "INSERT INTO task (kind, key, organisation_id) VALUES (:kind, :key, :organisation) ON CONFLICT DO NOTHING"
        ),
        {"kind": kind, "key": key, "organisation": organisation_id},
    )


async def is_there(conn: AsyncConnection, kind: str, key: str) -> bool:
    """Tells whether there is such a task."""
    query = sa.text("SELECT EXISTS (SELECT FROM task WHERE kind = :kind AND key = :key)")
    return bool(await conn.scalar(query, {"kind": kind, "key": key}))


async def drop_others(conn: AsyncConnection, kind: str, key: str) -> None:
    """Deletes the tasks of a kind that have another key; whoever has one in hand finds its claim gone."""
    await conn.execute(sa.text("DELETE FROM task WHERE kind = :kind AND key <> :key"), {"kind": kind, "key": key})


async def renew(conn: AsyncConnection, kind: str, organisations: Mapping[str, UUID]) -> None:
    """Makes tasks that are due at once, by their keys; one that is in hand loses its claim, and is done anew."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO task (kind, key, organisation_id)
            SELECT :kind, key, organisation FROM unnest(CAST(:keys AS text[]), CAST(:organisations AS uuid[]))
                AS given (key, organisation) ORDER BY key
            ON CONFLICT (kind, key) DO UPDATE
            SET claim = next_claim(task.claim), leased_until = NULL, due_at = clock_timestamp()
            """
        ),
        {"kind": kind, "keys": list(organisations), "organisations": list(organisations.values())},
    )


async def claim_for_epoch(
    conn: AsyncConnection, epoch: UUID, longest: Mapping[str, timedelta], most: int
) -> list[Task]:
    """Claims due tasks that call, for an epoch that may; `longest` has their kinds and how long each may wait."""
    return await _claim(conn, longest, most, epoch, None)


async def claim_for_a_time(
    conn: AsyncConnection, longest: Mapping[str, timedelta], most: int, lease: timedelta = LEASE
) -> list[Task]:
    """Claims due tasks that stay inside, until `lease` has passed; `longest` as above."""
    return await _claim(conn, longest, most, None, lease)


async def done(conn: AsyncConnection, task: Task, again_in: timedelta | None) -> bool:
    """Notes that a task is done, and when it is due again; with None it goes. False when the claim no longer holds.

    What failed before stays to be shown, with its time.
    """
    if again_in is None:
        return bool(await conn.scalar(sa.text("SELECT finish_task(:task, :claim)"), _keys(task)))
    return await _settle(conn, task, again_in, ", done_at = clock_timestamp(), attempt = 0", {})


async def failed(conn: AsyncConnection, task: Task, again_in: timedelta, code: str) -> bool:
    """Notes that a task has failed, with our code for why, and when it is tried again. False as above."""
    noted = (
        ", failed_at = clock_timestamp(), failure = :code, attempt = attempt + 1"
        ", accused_by = NULL, failed_before_at = NULL, failure_before = NULL"
    )
    return await _settle(conn, task, again_in, noted, {"code": code})


async def let_go(conn: AsyncConnection, task: Task, again_in: timedelta = timedelta()) -> bool:
    """Gives a task back that has neither been done nor failed, to be due then. False as above."""
    return await _settle(conn, task, again_in, "", {})


async def free_forgotten(conn: AsyncConnection, epoch: UUID, in_progress: Sequence[Task]) -> None:
    """Frees what counts as the epoch's and its process does not know, and what epochs had in hand that have ended.

    Such a task was claimed by a statement whose answer got lost.
    """
    await conn.execute(
        sa.text(
            """
            UPDATE task SET holder = NULL, under_way = NULL,
                again_at = CASE WHEN under_way IS NULL THEN again_at ELSE clock_timestamp() + interval '15 minutes' END
            WHERE ctid = ANY (ARRAY(
                SELECT task.ctid FROM task JOIN epoch ON epoch.id = task.holder
                WHERE epoch.state = 'ended' OR (epoch.id = :epoch AND NOT EXISTS (
                    SELECT FROM unnest(CAST(:tasks AS uuid[]), CAST(:claims AS bigint[])) AS known (id, claim)
                    WHERE known.id = task.id AND known.claim = task.claim
                )) FOR NO KEY UPDATE OF task SKIP LOCKED
            ))
            """
        ),
        {
            "epoch": epoch,
            "tasks": [each.id for each in in_progress],
            "claims": [each.claim for each in in_progress],
        },
    )


async def _claim(
    conn: AsyncConnection, longest: Mapping[str, timedelta], most: int, epoch: UUID | None, lease: timedelta | None
) -> list[Task]:
    rows = await conn.execute(
        sa.text(
            """
            SELECT id, kind, key, organisation_id, claim,
                CASE WHEN failed_at > coalesce(done_at, '-infinity') THEN due_at - failed_at END AS waited
            FROM claim_tasks(CAST(:kinds AS text[]), CAST(:longest AS interval[]), :most, CAST(:epoch AS uuid),
                CAST(:lease AS interval))
            """
        ),
        {
            "kinds": list(longest),
            "longest": list(longest.values()),
            "most": most,
            "epoch": epoch,
            "lease": lease,
        },
    )
    return [Task(**row) for row in rows.mappings()]


async def _settle(
    conn: AsyncConnection, task: Task, again_in: timedelta, noted: str, values: Mapping[str, Any]
) -> bool:
    settled = await conn.execute(
        sa.text(
            # A call without an answer may still arrive: what it sent is looked at once more.
            f"UPDATE task SET due_at = clock_timestamp() + :wait, holder = NULL, leased_until = NULL, under_way = NULL,"  # noqa: S608 - our own text
            " again_at = CASE WHEN under_way IS NULL THEN again_at ELSE clock_timestamp() + interval '15 minutes' END"
            f"{noted}"
            " WHERE id = :task AND claim = :claim AND (holder IS NOT NULL OR leased_until IS NOT NULL)"
        ),
        {**_keys(task), "wait": again_in, **values},
    )
    return bool(settled.rowcount)


def _keys(task: Task) -> Mapping[str, Any]:
    return {"task": task.id, "claim": task.claim}
