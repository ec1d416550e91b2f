"""Whether wake-ups reach who calls: a Redis may take them, answer all as it should, and deliver none."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reads
from app.db.activity_queue import WakeUp
from app.db.workers import Heard, heard_by
from app.jobs.notifier import Notifier

# Each holder writes what it has heard with its beats, two seconds apart: the second one after a wake-up has it.
_BEATS = 2
_WITHIN = 5.0


async def not_reached(engine: AsyncEngine, notifier: Notifier, holders: Mapping[str, UUID]) -> list[str]:
    """Sends each of the `holders`, by egress, a wake-up for a job that is none; gives the egresses that heard none.

    A holder whose beats stand still, and a Redis that takes nothing, are other troubles, and give nothing here.
    """
    first = await _heard(engine, holders)
    if not first or not await notifier.wake_up([WakeUp(uuid4(), 0, egresses=tuple(holders))]):
        return []
    waiting, beats = dict(holders), dict[str, set[datetime]]()
    silent: list[str] = []
    until = time.monotonic() + _WITHIN
    while waiting and time.monotonic() < until:
        await asyncio.sleep(0.2)
        for worker, now in (await _heard(engine, waiting)).items():
            egress = next(name for name, holder in waiting.items() if holder == worker)
            seen = beats.setdefault(egress, set())
            seen.add(now.seen_at)
            if worker not in first or now.wake_ups > first[worker].wake_ups:
                del waiting[egress]
            elif len(seen - {first[worker].seen_at}) >= _BEATS:
                del waiting[egress]
                silent.append(egress)
    return sorted(silent)


async def _heard(engine: AsyncEngine, holders: Mapping[str, UUID]) -> Mapping[UUID, Heard]:
    async with reads.snapshots(engine).begin() as conn:
        return await heard_by(conn, holders.values())
