"""How long the event loop may be kept goes by the clock, not by how much was done."""

import asyncio
import time

import pytest

from app.db.loop_share import LoopShare


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rests that are taken, in milliseconds; time passes by `work` alone."""
    taken: list[float] = []

    async def sleep(seconds: float) -> None:
        taken.append(round(seconds * 1000, 1))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return taken


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


async def test_work_is_followed_by_a_rest_of_a_quarter(rests: list[float], clock: list[float]) -> None:
    """After four milliseconds, or after as long as one step takes."""
    async with LoopShare() as share:
        for worked in (0.001, 0.001, 0.002, 0.003, 0.1):
            clock[0] += worked
            await share.rest()
    assert rests == [1.0, 25.8]


async def test_the_work_of_several_is_counted_together(rests: list[float], clock: list[float]) -> None:
    """Each in its turn has done little, and the next one rests for all of them; the time between two is no work."""
    share = LoopShare()
    for _ in range(4):
        async with share:
            clock[0] += 0.0022
        clock[0] += 1
    assert rests == [1.1, 1.1]


async def test_one_works_at_a_time() -> None:
    share, at_work, most = LoopShare(), 0, 0

    async def work() -> None:
        nonlocal at_work, most
        async with share:
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(work() for _ in range(5)))
    assert most == 1
