"""The shared limit of calls: slots keep their distance over all connections, and a 429 holds everybody back."""

import asyncio
import time
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.limits import hold_back, reserve

# Five calls leave per 1.05 s, so that jitter on the way makes no sixth within a second at the server.
SPACING = 1.05 / 5


async def _reserve(engine: AsyncEngine, bucket: str = "calls", patience: float = 60) -> float | None:
    async with engine.begin() as conn:
        return await reserve(conn, bucket, 5, patience)


async def test_the_first_slot_is_now_and_the_next_ones_follow_at_their_distance(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        waits = [await reserve(conn, "calls", 0.1, 60) for _ in range(3)]
    assert waits[0] == 0
    assert [
        wait is not None and distance - 5 < wait <= distance
        for wait, distance in zip(waits[1:], (10.5, 21), strict=True)
    ] == [True, True]


async def test_slots_taken_at_once_keep_their_distance(engine: AsyncEngine) -> None:
    """Forty over six connections: the database's own times are compared, which no scheduling here can blur."""

    async def take() -> float:
        async with engine.begin() as conn:
            assert await reserve(conn, "calls", 5, 60) is not None
            begins = await conn.scalar(
                sa.text("SELECT extract(epoch FROM next_at) FROM call_limit WHERE bucket = 'calls'")
            )
            return float(begins)

    begins = sorted(await asyncio.gather(*(take() for _ in range(40))))
    gaps = [later - earlier for earlier, later in pairwise(begins)]
    assert min(gaps) >= SPACING - 1e-5
    assert max(gaps) < SPACING + 0.1, "none is left out either"


async def test_nobody_who_waits_as_told_comes_before_the_slot(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=5))
        wait = await reserve(conn, "calls", 5, 60)
        left = await conn.scalar(
            sa.text("SELECT extract(epoch FROM next_at - clock_timestamp()) FROM call_limit WHERE bucket = 'calls'")
        )
    assert wait is not None
    assert wait >= float(left) - SPACING


async def test_a_slot_beyond_the_patience_is_not_taken(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=30))
    query = sa.text("SELECT next_at FROM call_limit WHERE bucket = 'calls'")
    async with engine.connect() as conn:
        before = await conn.scalar(query)
    assert await _reserve(engine, patience=20) is None
    async with engine.connect() as conn:
        assert await conn.scalar(query) == before
    assert await _reserve(engine, patience=40) is not None


async def test_calls_and_reads_have_limits_of_their_own(engine: AsyncEngine) -> None:
    assert [await _reserve(engine, "calls"), await _reserve(engine, "reads")] == [0, 0]


async def test_a_reservation_that_is_rolled_back_takes_nothing(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        assert await reserve(conn, "calls", 5, 60) == 0
        await conn.rollback()
    assert await _reserve(engine) == 0


async def test_a_429_holds_everybody_back(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=20))
    wait = await _reserve(engine)
    assert wait is not None
    assert 19 < wait <= 20
    assert await _reserve(engine, "reads") == 0


async def test_a_shorter_wait_never_shortens_a_longer_one(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=20))
        await hold_back(conn, "calls", timedelta(seconds=1))
    wait = await _reserve(engine)
    assert wait is not None
    assert wait > 19


@pytest.mark.parametrize("per_second", [0.5, 10.0, 1000.0])
async def test_the_distance_follows_the_setting(engine: AsyncEngine, per_second: float) -> None:
    async with engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=5))
        first = await reserve(conn, "calls", per_second, 60)
        asked = time.monotonic()
        second = await reserve(conn, "calls", per_second, 60)
        took = time.monotonic() - asked
    assert first is not None
    assert second is not None
    assert -took - 0.05 < second - first - 1.05 / per_second <= 0.001
