"""The limit of calls that all workers share: one row a kind, one statement a slot, in turn for those who wait."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# Skolverket counts by its own clock: five calls a second leave here as five per 1.05 s, so that jitter makes no sixth.
_SLACK = 1.05
# Slots are given away at most so many ahead: whoever comes later must not stand behind a long row of them.
_AHEAD = 2
# Our own calls are counted over a little more than Skolverket's second, since they arrive later than they leave.
_COUNTED = timedelta(seconds=1.3)
# Who has not asked again for so long no longer waits.
_STILL_WAITING = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Granted:
    """A slot: the seconds until it begins, and how many calls of about a second are ours with it."""

    wait: float
    own: int


async def take_slot(conn: AsyncConnection, bucket: str, per_second: float, organisation_id: UUID) -> Granted | None:
    """Takes the next slot of a kind of call, `calls` or `reads`.

    Gives None, with nothing taken, while the next slot is far or belongs to an organisation that has waited longer: ask
    again soon, at least twice a second, for only those who ask are waiting.
    """
    spacing = slot_spacing(per_second)
    row = (
        await conn.execute(
            sa.text(
                "SELECT extract(epoch FROM wait) AS wait, own"
                " FROM take_slot(:bucket, :organisation, :spacing, :ahead, :waiting, :counted)"
            ),
            {
                "bucket": bucket,
                "organisation": organisation_id,
                "spacing": spacing,
                "ahead": _AHEAD * spacing,
                "waiting": _STILL_WAITING,
                "counted": _COUNTED,
            },
        )
    ).one()
    return None if row.wait is None else Granted(float(row.wait), row.own)


def slot_spacing(per_second: float) -> timedelta:
    """Gives the time from one slot to the next."""
    return timedelta(seconds=_SLACK / per_second)


async def hold_back(conn: AsyncConnection, bucket: str, delay: timedelta) -> None:
    """Keeps everybody from calling for a while, as an answer asks."""
    await conn.execute(
        sa.text("UPDATE call_limit SET next_at = greatest(next_at, clock_timestamp() + :delay) WHERE bucket = :bucket"),
        {"bucket": bucket, "delay": delay},
    )


async def delay_slots(conn: AsyncConnection, bucket: str, delay: timedelta) -> None:
    """Moves all slots that have not been given away, since a call leaves so much later than its own began."""
    await conn.execute(
        sa.text("UPDATE call_limit SET next_at = next_at + :delay WHERE bucket = :bucket"),
        {"bucket": bucket, "delay": delay},
    )
