"""Places are given in turn to the organisations that wait, and no more of them than there are."""

import asyncio
from contextlib import suppress
from uuid import UUID

import pytest

from app.db.places import Places

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


class Callers:
    """Callers that take a place and keep it until they are let go; `order` is that in which they had theirs."""

    def __init__(self, at_once: int, each: int) -> None:
        self.places = Places(at_once, each)
        self.order: list[str] = []
        self._let_go: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Has callers come one after the other, whose first letter is their organisation."""
        for name in names:
            self._let_go[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._take(name))
            await self._settle()

    async def go(self, *names: str) -> None:
        """Has callers leave, with their place or without one."""
        for name in names:
            if name in self.order:
                self._let_go[name].set()
            else:
                self._tasks[name].cancel()
            with suppress(asyncio.CancelledError):
                await self._tasks[name]
            await self._settle()

    async def _take(self, name: str) -> None:
        async with self.places.take({"a": A, "b": B, "c": C}[name[0]]):
            self.order.append(name)
            await self._let_go[name].wait()

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_organisations_that_wait_have_their_turns() -> None:
    """Who asks for much waits for each of the others once; within an organisation it is first come first served."""
    callers = Callers(1, 1)
    await callers.come("a1", "a2", "a3", "a4", "b1", "b2", "c1")
    for _ in range(7):
        await callers.go(callers.order[-1])
    assert callers.order == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_an_organisation_has_no_more_than_its_part() -> None:
    """Whoever has it waits for its own, and is passed by those who have less."""
    callers = Callers(3, 2)
    await callers.come("a1", "a2", "a3", "b1", "b2", "c1")
    assert callers.order == ["a1", "a2", "b1"]
    await callers.go("b1")
    assert callers.order[3:] == ["b2"]
    await callers.go("a1")
    assert callers.order[4:] == ["a3"]


async def test_who_leaves_while_it_waits_costs_nobody_a_place() -> None:
    callers = Callers(1, 1)
    await callers.come("a1", "b1", "c1")
    await callers.go("b1", "a1")
    assert callers.order == ["a1", "c1"]
    await callers.go("c1")
    await callers.come("b2")
    assert callers.order[-1] == "b2"


async def test_who_waits_for_too_long_gives_up() -> None:
    """And who is given the place in the same moment in which it gives up has lost none to nobody."""
    places = Places(1, 1)
    async with places.take(A):
        with pytest.raises(TimeoutError):
            async with places.take(B, timeout=0.01):
                pass
        waiting = asyncio.create_task(_once(places, B))
        await asyncio.sleep(0)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    async with places.take(C, timeout=1):
        pass


async def _once(places: Places, organisation_id: UUID) -> None:
    async with places.take(organisation_id):
        pass
