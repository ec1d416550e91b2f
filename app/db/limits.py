"""The limit of calls that all workers share: one row a kind, one statement a slot, in turn for those who wait."""

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# Skolverket counts by its own clock: five calls a second leave here as five per 1.05 s, so that jitter makes no sixth.
_SLACK = 1.05
# Slots are given away at most so many ahead: whoever comes later must not stand behind a long row of them.
_AHEAD = 2
# Who has not asked again for so long no longer waits.
_STILL_WAITING = timedelta(seconds=1)


async def take_slot(conn: AsyncConnection, bucket: str, per_second: float, organisation_id: UUID) -> float | None:
    """Takes the next slot of a kind of call, `calls` or `reads`, and gives the seconds until it begins.

    Gives None, with nothing taken, while the next slot is far or belongs to an organisation that has waited longer: ask
    again soon, at least twice a second, for only those who ask are waiting.
    """
    spacing = slot_spacing(per_second)
    wait = await conn.scalar(
        sa.text("SELECT extract(epoch FROM take_slot(:bucket, :organisation, :spacing, :ahead, :waiting))"),
        {
            "bucket": bucket,
            "organisation": organisation_id,
            "spacing": spacing,
            "ahead": _AHEAD * spacing,
            "waiting": _STILL_WAITING,
        },
    )
    return None if wait is None else float(wait)


def slot_spacing(per_second: float) -> timedelta:
    """Gives the time from one slot to the next."""
    return timedelta(seconds=_SLACK / per_second)


async def hold_back(conn: AsyncConnection, bucket: str, delay: timedelta) -> None:
    """Keeps everybody from calling for a while, as a 429 asks."""
    await conn.execute(
        sa.text("UPDATE call_limit SET next_at = greatest(next_at, clock_timestamp() + :delay) WHERE bucket = :bucket"),
        {"bucket": bucket, "delay": delay},
    )
