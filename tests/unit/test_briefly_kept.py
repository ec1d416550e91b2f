"""What takes long to find out: once for all who ask within some seconds, and anew after a change."""

import asyncio

import pytest

from app.api.briefly_kept import BrieflyKept


class Looks:
    """Counts how often somebody looked; each look ends when it is let go on."""

    def __init__(self) -> None:
        self.number = 0
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self) -> int:
        self.number += 1
        number = self.number
        self.begun.set()
        await self.goes_on.wait()
        return number


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def kept(now: list[float]) -> BrieflyKept[int]:
    return BrieflyKept(5, clock=lambda: now[0])


async def test_it_is_found_out_again_after_its_seconds(kept: BrieflyKept[int], now: list[float]) -> None:
    look = Looks()
    found = []
    for at in (100, 104.9, 105, 106):
        now[0] = at
        found.append(await kept.get(look))
    assert found == [1, 1, 2, 2]


async def test_who_asks_meanwhile_waits_for_the_same(kept: BrieflyKept[int]) -> None:
    look = Looks()
    assert await asyncio.gather(*(kept.get(look) for _ in range(5))) == [1] * 5


async def test_what_was_begun_before_a_change_is_not_kept(kept: BrieflyKept[int]) -> None:
    look = Looks()
    look.goes_on.clear()
    first = asyncio.create_task(kept.get(look))
    await look.begun.wait()
    kept.forget()
    look.goes_on.set()
    assert (await first, await kept.get(look), await kept.get(look)) == (1, 2, 2)


async def test_a_look_that_fails_is_not_kept(kept: BrieflyKept[int]) -> None:
    async def fails() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await kept.get(fails)
    assert await kept.get(Looks()) == 1


async def test_for_some_seconds_more_nobody_waits_for_it(now: list[float]) -> None:
    """What is kept is given while somebody looks again; behind these seconds whoever asks waits."""
    kept: BrieflyKept[int] = BrieflyKept(5, 3, clock=lambda: now[0])
    look = Looks()
    assert await kept.get(look) == 1
    look.goes_on.clear()
    look.begun.clear()
    now[0] = 107.9
    assert [await kept.get(look), await kept.get(look)] == [1, 1]
    await look.begun.wait()
    now[0] = 108
    waits = asyncio.create_task(kept.get(look))
    await asyncio.sleep(0)
    look.goes_on.set()
    assert (await waits, look.number) == (2, 2)


async def test_who_goes_away_ends_nobodys_look(kept: BrieflyKept[int]) -> None:
    look = Looks()
    look.goes_on.clear()
    goes, stays = (asyncio.create_task(kept.get(look)) for _ in range(2))
    await look.begun.wait()
    goes.cancel()
    look.goes_on.set()
    assert await stays == 1


async def test_what_fails_while_something_is_kept_is_tried_again(now: list[float]) -> None:
    """Who is given what is kept is not told; whoever asks behind it is, or is given what is found then."""
    kept: BrieflyKept[int] = BrieflyKept(5, 3, clock=lambda: now[0])
    look = Looks()

    async def fails() -> int:
        raise OSError("away")

    assert await kept.get(look) == 1
    now[0] = 106
    assert await kept.get(fails) == 1
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    now[0] = 109
    with pytest.raises(OSError, match="away"):
        await kept.get(fails)
    assert await kept.get(look) == 2
