"""Workers as rows: that each is there, and what it has met. Only figures; nothing here decides who works on what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# A worker says that it is there with every sweep, each second; one that has not for so long is gone or cut off.
SILENT_AFTER = timedelta(seconds=10)
# Rows of workers that are gone are kept for a day, then added up in one, so that no figure ever falls.
_KEPT = timedelta(days=1)
_PAST = UUID(int=0)


@dataclass(slots=True)
class Tally:
    """What a worker has met since it started, and how many steps it is making now."""

    in_progress: int = 0
    claims: int = 0
    reaped: int = 0
    lost: int = 0
    wake_ups: int = 0


async def note_worker(conn: AsyncConnection, worker: UUID, version: str, met: Tally) -> None:
    """Says that a worker is there, and what it has met."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO worker (id, version, in_progress, claims, reaped, lost, wake_ups)
            VALUES (:worker, :version, :in_progress, :claims, :reaped, :lost, :wake_ups)
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), in_progress = excluded.in_progress,
                claims = excluded.claims, reaped = excluded.reaped, lost = excluded.lost, wake_ups = excluded.wake_ups
            """
        ),
        {
            "worker": worker,
            "version": version,
            "in_progress": met.in_progress,
            "claims": met.claims,
            "reaped": met.reaped,
            "lost": met.lost,
            "wake_ups": met.wake_ups,
        },
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """How many wake-ups a worker had heard when it said last that it is there, and when that was."""

    wake_ups: int
    seen_at: datetime


async def heard_by(conn: AsyncConnection, workers: Iterable[UUID]) -> Mapping[UUID, Heard]:
    """Reads what workers have heard so far."""
    rows = await conn.execute(
        sa.text("SELECT id, wake_ups, seen_at FROM worker WHERE id = ANY (CAST(:workers AS uuid[]))"),
        {"workers": list(workers)},
    )
    return {row.id: Heard(row.wake_ups, row.seen_at) for row in rows}


async def note_end(conn: AsyncConnection, worker: UUID) -> None:
    """Says that a worker has ended in order."""
    await conn.execute(
        sa.text("UPDATE worker SET ended_at = clock_timestamp(), in_progress = 0 WHERE id = :worker"),
        {"worker": worker},
    )


async def worker_alive(conn: AsyncConnection, worker: UUID | None = None) -> bool:
    """Tells whether this worker, or any, has been heard of lately and has not ended."""
    found = await conn.scalar(
        sa.text(
            """
            SELECT EXISTS (
                SELECT FROM worker WHERE ended_at IS NULL AND seen_at > clock_timestamp() - :silent
                    AND id <> :past AND id = coalesce(CAST(:worker AS uuid), id)
            )
            """
        ),
        {"silent": SILENT_AFTER, "past": _PAST, "worker": worker},
    )
    return bool(found)


async def add_up_the_past(conn: AsyncConnection) -> None:
    """Puts the figures of workers that have long been gone into one row, and forgets them one by one."""
    await conn.execute(
        sa.text(
            """
            WITH gone AS (
                DELETE FROM worker WHERE id IN (
                    SELECT id FROM worker WHERE seen_at < clock_timestamp() - :kept AND id <> :past
                    LIMIT 100 FOR UPDATE SKIP LOCKED
                ) RETURNING *
            ), added AS (
                SELECT sum(claims) AS claims, sum(reaped) AS reaped, sum(lost) AS lost, sum(wake_ups) AS wake_ups
                FROM gone HAVING count(*) > 0
            )
            INSERT INTO worker AS past (id, version, ended_at, claims, reaped, lost, wake_ups)
            SELECT :past, '', clock_timestamp(), claims, reaped, lost, wake_ups FROM added
            ON CONFLICT (id) DO UPDATE SET claims = past.claims + excluded.claims,
                reaped = past.reaped + excluded.reaped, lost = past.lost + excluded.lost,
                wake_ups = past.wake_ups + excluded.wake_ups
            """
        ),
        {"kept": _KEPT, "past": _PAST},
    )


@dataclass(frozen=True, slots=True)
class Workers:
    """What all workers have met together, and how many of them are there now."""

    alive: int
    in_progress: int
    claims: int
    reaped: int
    lost: int
    wake_ups: int


async def all_workers(conn: AsyncConnection) -> Workers:
    """Adds up the figures of all workers, of those that are gone too."""
    row = (
        (
            await conn.execute(
                sa.text(
                    """
                    SELECT count(*) FILTER (WHERE there) AS alive,
                        coalesce(sum(in_progress) FILTER (WHERE there), 0)::int AS in_progress,
                        coalesce(sum(claims), 0)::bigint AS claims, coalesce(sum(reaped), 0)::bigint AS reaped,
                        coalesce(sum(lost), 0)::bigint AS lost, coalesce(sum(wake_ups), 0)::bigint AS wake_ups
                    FROM (
                        SELECT *, ended_at IS NULL AND seen_at > clock_timestamp() - :silent AS there FROM worker
                    ) each
                    """
                ),
                {"silent": SILENT_AFTER},
            )
        )
        .mappings()
        .one()
    )
    return Workers(**row)
