"""The shared limit of calls: slots keep their distance over all connections, go round, and a 429 stops everybody."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.limits import Granted, delay_slots, hold_back, slot_spacing, take_slot
from tests.database.factories import Tenant

NEXT = sa.text("SELECT extract(epoch FROM next_at) FROM call_limit WHERE bucket = :bucket")


async def take(engine: AsyncEngine, who: UUID, bucket: str = "calls", per_second: float = 5) -> float | None:
    async with engine.begin() as conn:
        granted = await take_slot(conn, bucket, per_second, who)
    return None if granted is None else granted.wait


async def next_at(engine: AsyncEngine, bucket: str = "calls") -> float:
    async with engine.connect() as conn:
        return float(await conn.scalar(NEXT, {"bucket": bucket}))


async def until_taken(engine: AsyncEngine, who: UUID, per_second: float = 5) -> float:
    """Asks until a slot is given, as callers do; gives when it begins by the database's clock."""
    while True:
        async with engine.begin() as conn:
            if await take_slot(conn, "calls", per_second, who) is not None:
                return float(await conn.scalar(NEXT, {"bucket": "calls"})) - slot_spacing(per_second).total_seconds()
        await asyncio.sleep(0.005)


def test_five_calls_a_second_leave_as_five_per_1_05_seconds() -> None:
    assert slot_spacing(5) == timedelta(seconds=0.21)


async def test_the_first_slot_is_now_and_the_next_ones_follow_at_their_distance(tenant: Tenant) -> None:
    async with tenant.engine.begin() as conn:
        slots = [await take_slot(conn, "calls", 0.1, tenant.organisation_id) for _ in range(3)]
    waits = [slot.wait for slot in slots if slot is not None]
    assert waits[0] == 0
    assert [step - 5 < wait <= step for wait, step in zip(waits[1:], (10.5, 21), strict=True)] == [
        True,
        True,
    ]


async def test_slots_are_given_away_two_ahead_and_no_further(tenant: Tenant) -> None:
    async with tenant.engine.begin() as conn:
        given = [await take_slot(conn, "calls", 0.1, tenant.organisation_id) is not None for _ in range(4)]
    assert given == [True, True, True, False]


async def test_slots_taken_at_once_keep_their_distance(tenant: Tenant) -> None:
    """Thirty over six connections: the database's own times are compared, which no scheduling here can blur."""
    begins = sorted(await asyncio.gather(*(until_taken(tenant.engine, tenant.organisation_id, 20) for _ in range(30))))
    gaps = [later - earlier for earlier, later in pairwise(begins)]
    assert min(gaps) >= slot_spacing(20).total_seconds() - 1e-5


async def test_slots_go_round_the_organisations_that_wait(tenant: Tenant) -> None:
    """Four askers of one organisation get no more than the single one of another, slot by slot."""
    other = await Tenant.make(tenant.engine)
    order: list[UUID] = []
    enough = asyncio.Event()

    async def ask(who: UUID) -> None:
        while not enough.is_set():
            await until_taken(tenant.engine, who, 40)
            order.append(who)
            if len(order) >= 40:
                enough.set()

    await asyncio.gather(ask(other.organisation_id), *(ask(tenant.organisation_id) for _ in range(4)))
    # The first few go to whoever was there first.
    shares = Counter(order[6:])
    assert shares[other.organisation_id] >= 0.4 * sum(shares.values())


async def test_who_no_longer_asks_keeps_nobody_waiting(tenant: Tenant) -> None:
    gone = await Tenant.make(tenant.engine)
    async with tenant.engine.begin() as conn:
        await conn.execute(
            sa.text(
                "INSERT INTO call_turn VALUES"
                " ('calls', :gone, clock_timestamp() - interval '2 seconds', '-infinity'),"
                " ('calls', :mine, clock_timestamp(), clock_timestamp())"
            ),
            {"gone": gone.organisation_id, "mine": tenant.organisation_id},
        )
    assert await take(tenant.engine, tenant.organisation_id) is not None


async def test_who_was_served_comes_behind_who_waits(tenant: Tenant) -> None:
    waiting = await Tenant.make(tenant.engine)
    async with tenant.engine.begin() as conn:
        await conn.execute(
            sa.text(
                "INSERT INTO call_turn VALUES ('calls', :waiting, clock_timestamp(), '-infinity'),"
                " ('calls', :mine, clock_timestamp(), clock_timestamp())"
            ),
            {"waiting": waiting.organisation_id, "mine": tenant.organisation_id},
        )
    before = await next_at(tenant.engine)
    assert await take(tenant.engine, tenant.organisation_id) is None
    assert await next_at(tenant.engine) == before
    assert await take(tenant.engine, waiting.organisation_id) is not None
    assert await take(tenant.engine, tenant.organisation_id) is not None


async def test_calls_and_reads_have_limits_of_their_own(tenant: Tenant) -> None:
    mine = tenant.organisation_id
    assert [await take(tenant.engine, mine, "calls"), await take(tenant.engine, mine, "reads")] == [0, 0]


async def test_a_slot_that_is_rolled_back_is_not_taken(tenant: Tenant) -> None:
    async with tenant.engine.connect() as conn:
        assert await take_slot(conn, "calls", 5, tenant.organisation_id) == Granted(0, 1)
        await conn.rollback()
    assert await take(tenant.engine, tenant.organisation_id) == 0


async def test_a_429_holds_everybody_back(tenant: Tenant) -> None:
    async with tenant.engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=20))
    assert await take(tenant.engine, tenant.organisation_id) is None
    assert await take(tenant.engine, tenant.organisation_id, "reads") == 0


async def test_a_shorter_wait_never_shortens_a_longer_one(tenant: Tenant) -> None:
    async with tenant.engine.begin() as conn:
        await hold_back(conn, "calls", timedelta(seconds=20))
        longer = await conn.scalar(NEXT, {"bucket": "calls"})
        await hold_back(conn, "calls", timedelta(seconds=1))
        assert await conn.scalar(NEXT, {"bucket": "calls"}) == longer


@pytest.mark.parametrize("per_second", [0.5, 10.0, 1000.0])
async def test_the_distance_follows_the_setting(tenant: Tenant, per_second: float) -> None:
    assert await take(tenant.engine, tenant.organisation_id, per_second=per_second) == 0
    first = await next_at(tenant.engine)
    async with tenant.engine.begin() as conn:
        now = float(await conn.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")))
    assert first - slot_spacing(per_second).total_seconds() <= now


async def test_a_slot_tells_how_many_calls_of_about_a_second_are_ours(tenant: Tenant) -> None:
    """Over all organisations, as Skolverket counts them; older ones are forgotten."""
    other = await Tenant.make(tenant.engine)
    own = []
    async with tenant.engine.begin() as conn:
        for who in (tenant, other, tenant):
            granted = await take_slot(conn, "calls", 5, who.organisation_id)
            assert granted is not None
            own.append(granted.own)
        await conn.execute(
            sa.text(
                "UPDATE call_limit SET next_at = clock_timestamp(),"
                " recent = ARRAY(SELECT slot - interval '5 s' FROM unnest(recent) slot)"
            )
        )
        granted = await take_slot(conn, "calls", 5, tenant.organisation_id)
    assert own == [1, 2, 3]
    assert granted is not None
    assert granted.own == 1


async def test_a_late_call_moves_the_slots_that_come_after(tenant: Tenant) -> None:
    await take(tenant.engine, tenant.organisation_id)
    before = await next_at(tenant.engine)
    async with tenant.engine.begin() as conn:
        await delay_slots(conn, "calls", timedelta(seconds=0.1))
    assert await next_at(tenant.engine) - before == pytest.approx(0.1, abs=0.001)
