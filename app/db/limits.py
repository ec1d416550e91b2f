"""The limit of calls that all workers share: one row a kind, one statement a reservation."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# Skolverket counts by its own clock: five calls a second leave here as five per 1.05 s, so that jitter makes no sixth.
_SLACK = 1.05


async def reserve(conn: AsyncConnection, bucket: str, per_second: float, patience: float) -> float | None:
    """Takes the next slot of a kind of call, `calls` or `reads`, and gives the seconds until it begins.

    Takes none and gives None when it would begin later than `patience` seconds from now.
    """
    wait = await conn.scalar(
        sa.text(
            """
            UPDATE call_limit SET next_at = greatest(next_at, clock_timestamp()) + :spacing
            WHERE bucket = :bucket AND greatest(next_at, clock_timestamp()) <= clock_timestamp() + :patience
            RETURNING extract(epoch FROM next_at - :spacing - clock_timestamp())
            """
        ),
        {
            "bucket": bucket,
            "spacing": timedelta(seconds=_SLACK / per_second),
            "patience": timedelta(seconds=patience),
        },
    )
    return None if wait is None else max(0.0, float(wait))


async def hold_back(conn: AsyncConnection, bucket: str, delay: timedelta) -> None:
    """Keeps everybody from calling for a while, as a 429 asks."""
    await conn.execute(
        sa.text("UPDATE call_limit SET next_at = greatest(next_at, clock_timestamp() + :delay) WHERE bucket = :bucket"),
        {"bucket": bucket, "delay": delay},
    )
