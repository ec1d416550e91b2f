"""Workers as rows: that each is there, and what it has met. Only figures; nothing here decides who works on what."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# Bounds of the time from a ring to the claim that follows, in seconds; a last class has all that took longer.
HEARD_WITHIN = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# A worker says that it is there with every sweep, each second; one that has not for so long is gone or cut off.
SILENT_AFTER = timedelta(seconds=10)
# Rows of workers that are gone are kept for a day, then added up in one, so that no figure ever falls.
_KEPT = timedelta(days=1)
_PAST = UUID(int=0)


@dataclass(slots=True)
class Tally:
    """What a worker has met since it started, and how many steps it is making now."""

    in_hand: int = 0
    claims: int = 0
    reaped: int = 0
    lost: int = 0
    rings: int = 0
    heard: list[int] = field(default_factory=lambda: [0] * (len(HEARD_WITHIN) + 1))
    heard_seconds: float = 0.0

    def claimed(self, *, over_a_lost_lease: bool, rung_ago: timedelta | None) -> None:
        """Counts a claim, with how long after its ring it was made, if it was rung for."""
        self.claims += 1
        self.reaped += over_a_lost_lease
        if rung_ago is not None:
            seconds = max(0.0, rung_ago.total_seconds())
            self.heard[bisect_left(HEARD_WITHIN, seconds)] += 1
            self.heard_seconds += seconds


async def note_worker(conn: AsyncConnection, worker: UUID, version: str, met: Tally) -> None:
    """Says that a worker is there, and what it has met."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO worker (id, version, in_hand, claims, reaped, lost, rings, heard, heard_seconds)
            VALUES (:worker, :version, :in_hand, :claims, :reaped, :lost, :rings, CAST(:heard AS bigint[]), :seconds)
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), in_hand = excluded.in_hand,
                claims = excluded.claims, reaped = excluded.reaped, lost = excluded.lost, rings = excluded.rings,
                heard = excluded.heard, heard_seconds = excluded.heard_seconds
            """
        ),
        {
            "worker": worker,
            "version": version,
            "in_hand": met.in_hand,
            "claims": met.claims,
            "reaped": met.reaped,
            "lost": met.lost,
            "rings": met.rings,
            "heard": met.heard,
            "seconds": met.heard_seconds,
        },
    )


async def note_end(conn: AsyncConnection, worker: UUID) -> None:
    """Says that a worker has ended in order."""
    await conn.execute(
        sa.text("UPDATE worker SET ended_at = clock_timestamp(), in_hand = 0 WHERE id = :worker"), {"worker": worker}
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
                SELECT sum(claims) AS claims, sum(reaped) AS reaped, sum(lost) AS lost, sum(rings) AS rings,
                    sum(heard_seconds) AS heard_seconds, ARRAY(
                        SELECT sum(n) FROM gone, unnest(gone.heard) WITH ORDINALITY AS class (n, place)
                        GROUP BY place ORDER BY place
                    ) AS heard
                FROM gone HAVING count(*) > 0
            )
            INSERT INTO worker AS past (id, version, ended_at, claims, reaped, lost, rings, heard, heard_seconds)
            SELECT :past, '', clock_timestamp(), claims, reaped, lost, rings, heard, heard_seconds FROM added
            ON CONFLICT (id) DO UPDATE SET claims = past.claims + excluded.claims,
                reaped = past.reaped + excluded.reaped, lost = past.lost + excluded.lost,
                rings = past.rings + excluded.rings, heard_seconds = past.heard_seconds + excluded.heard_seconds,
                heard = ARRAY(
                    SELECT coalesce(a, 0) + coalesce(b, 0) FROM unnest(past.heard, excluded.heard) AS pair (a, b)
                )
            """
        ),
        {"kept": _KEPT, "past": _PAST},
    )


@dataclass(frozen=True, slots=True)
class Workers:
    """What all workers have met together, and how many of them are there now."""

    alive: int
    in_hand: int
    claims: int
    reaped: int
    lost: int
    rings: int
    heard: Sequence[int]
    heard_seconds: float


async def all_workers(conn: AsyncConnection) -> Workers:
    """Adds up the figures of all workers, of those that are gone too."""
    row = (
        (
            await conn.execute(
                sa.text(
                    """
                    SELECT count(*) FILTER (WHERE there) AS alive,
                        coalesce(sum(in_hand) FILTER (WHERE there), 0)::int AS in_hand,
                        coalesce(sum(claims), 0)::bigint AS claims, coalesce(sum(reaped), 0)::bigint AS reaped,
                        coalesce(sum(lost), 0)::bigint AS lost, coalesce(sum(rings), 0)::bigint AS rings,
                        coalesce(sum(heard_seconds), 0)::float AS heard_seconds, ARRAY(
                            SELECT sum(n)::bigint FROM worker, unnest(heard) WITH ORDINALITY AS class (n, place)
                            GROUP BY place ORDER BY place
                        ) AS heard
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
    figures = {**row, "heard": row["heard"] or [0] * (len(HEARD_WITHIN) + 1)}
    return Workers(**figures)
