"""Permits: at their distance, in turn, at the moment of leaving, and to nobody who may not call."""

import asyncio
import time
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from app.jobs.pacer import NoPermit, Pacer, Place

A, B = UUID(int=1), UUID(int=2)


def pacer_of(per_second: float = 100, *, may_call_for: float = 8.0) -> Pacer:
    return Pacer(per_second, lambda: may_call_for)


async def leave(pacer: Pacer, organisation: UUID = A, connecting: float = 0.0) -> float:
    """Makes a call whose connection takes so long; gives when it left."""
    place = await pacer.join(organisation)
    try:
        await asyncio.sleep(connecting)
        await pacer.permit(place)
        left = time.monotonic()
        pacer.written(place)
        return left
    finally:
        pacer.leave(place)


async def test_calls_keep_their_distance() -> None:
    """However many wait; a little is caught up with, and no more."""
    left = sorted(await asyncio.gather(*(leave(pacer_of_all) for pacer_of_all in [pacer_of(50)] * 12)))
    gaps = [later - earlier for earlier, later in pairwise(left)]
    assert min(gaps) >= 0.021 - 0.006
    assert left[-1] - left[0] >= 11 * 0.021 - 0.006


async def test_a_call_that_leaves_late_delays_those_after_it() -> None:
    """The distance is kept from when it really left: a busy machine makes no bunch of calls."""
    pacer = pacer_of(50)
    first = await leave(pacer)
    places = [await pacer.join(A) for _ in range(2)]
    waiting = [asyncio.create_task(pacer.permit(place)) for place in places]
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - the loop stands still
    times = []
    for task, place in zip(waiting, places, strict=True):
        await task
        times.append(time.monotonic())
        pacer.written(place)
    assert times[0] - first >= 0.2
    assert times[1] - times[0] >= 0.021 - 0.006


async def test_the_next_call_waits_until_the_one_before_has_been_written() -> None:
    """A large body on a busy machine takes its time: its distance counts from its end, and not for ever."""
    pacer = pacer_of(20)
    slow, stuck, last = [await pacer.join(A) for _ in range(3)]
    await pacer.permit(slow)
    after = asyncio.create_task(pacer.permit(stuck))
    await asyncio.sleep(0.2)
    assert not after.done()
    written = time.monotonic()
    pacer.written(slow)
    await after
    left = time.monotonic()
    assert left - written >= 0.0525 - 0.006
    await pacer.permit(last)
    assert 0.9 < time.monotonic() - left < 5


async def test_organisations_leave_in_turn() -> None:
    pacer, order = pacer_of(), list[UUID]()

    async def one(organisation: UUID) -> None:
        await leave(pacer, organisation)
        order.append(organisation)

    await asyncio.gather(*(one(A) for _ in range(12)), *(one(B) for _ in range(2)))
    # What was near the head already keeps its place.
    assert B in order[:7]
    assert order.count(B) == 2
    assert [index for index, each in enumerate(order) if each == B][1] <= 9


async def test_one_that_has_no_connection_yet_holds_up_nobody() -> None:
    pacer = pacer_of(20)
    slow = asyncio.create_task(leave(pacer, connecting=60))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await asyncio.gather(*(leave(pacer) for _ in range(8)))
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    assert pacer.waiting == 0


async def test_only_some_get_ready_at_a_time() -> None:
    """What is further behind is not marked as leaving, and may still be taken back."""
    pacer = pacer_of(5)
    pacer.pause(timedelta(minutes=1))
    joining = [asyncio.create_task(pacer.join(A)) for _ in range(6)]
    await asyncio.sleep(0.01)
    near = [task for task in joining if task.done()]
    assert len(near) == 3
    pacer.leave(near[0].result())
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in joining) == 4
    pacer.close()
    assert {type(each) for each in await asyncio.gather(*joining, return_exceptions=True)} == {Place, NoPermit}


async def test_a_pause_holds_everybody_back() -> None:
    pacer = pacer_of()
    began = time.monotonic()
    pacer.pause(timedelta(seconds=0.3))
    assert 0.2 < pacer.paused_for <= 0.3
    assert await leave(pacer) - began >= 0.3


async def test_whoever_may_not_call_gets_no_permit() -> None:
    pacer = pacer_of(may_call_for=0.0)
    with pytest.raises(NoPermit):
        await leave(pacer)
    assert (pacer.waiting, pacer.own) == (0, 0)


@pytest.mark.parametrize(("may_call_for", "unacknowledged_for"), [(8.0, 5.0), (5.0, 5.0), (0.7, 0.7)])
async def test_what_leaves_may_stay_unacknowledged_while_it_may_call(
    may_call_for: float, unacknowledged_for: float
) -> None:
    """And for five seconds at most."""
    pacer = pacer_of(may_call_for=may_call_for)
    assert await pacer.permit(await pacer.join(A)) == unacknowledged_for


async def test_a_permit_ends_with_the_right_to_call() -> None:
    """The process stood still between its permit and its leaving."""
    times = iter([8.0, 0.0])
    pacer = Pacer(100, lambda: next(times))
    with pytest.raises(NoPermit):
        await leave(pacer)
    assert (pacer.waiting, pacer.own) == (0, 0)


async def test_once_closed_nothing_leaves_any_more() -> None:
    """Neither who waits, near or far, nor who comes later."""
    pacer = pacer_of(5)
    pacer.pause(timedelta(minutes=1))
    waiting = [asyncio.create_task(leave(pacer)) for _ in range(6)]
    await asyncio.sleep(0.01)
    pacer.close()
    assert {type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)} == {NoPermit}
    with pytest.raises(NoPermit):
        await leave(pacer)


async def test_who_is_cancelled_leaves_the_line_to_others() -> None:
    pacer = pacer_of(5)
    pacer.pause(timedelta(seconds=0.2))
    waiting = [asyncio.create_task(leave(pacer)) for _ in range(6)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert pacer.waiting == 0
    async with asyncio.timeout(5):
        await leave(pacer)


async def test_our_own_calls_of_the_last_second_are_counted() -> None:
    pacer = pacer_of(200)
    await asyncio.gather(*(leave(pacer) for _ in range(7)))
    assert pacer.own == 7
