"""The simulator's testimony: its ledger, read bit by bit while it grows, and what it holds in the end."""

import asyncio
import time
from typing import Any

import httpx

from tests.torture.witnesses import STAGES, Call

# A call that has not been answered for so long never will be.
_TIMEOUT = 30.0
_EVERY = 2.0


class Ledger:
    """Follows a simulator's ledger."""

    def __init__(self, http: httpx.AsyncClient, simulator: str) -> None:
        self._http, self._simulator = http, simulator
        self._calls: dict[int, Call] = {}
        # Up to here nothing changes any more.
        self._settled = 0

    @property
    def calls(self) -> list[Call]:
        """Gives the calls in the order in which they came."""
        return [self._calls[number] for number in sorted(self._calls)]

    async def follow(self) -> None:
        """Reads on every other second, until cancelled: a little each time, for the simulator waits meanwhile."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.read()

    async def read(self) -> None:
        """Reads what is new, and anew what was not answered yet."""
        answer = await self._http.get(f"{self._simulator}/_simulator/ledger", params={"since": str(self._settled)})
        listed = answer.raise_for_status().json()["calls"]
        for call in listed:
            self._calls[call["number"]] = read_call(call)
        long_ago = time.time() - _TIMEOUT
        for call in listed:
            if call["answered_at"] is None and call["time"] > long_ago:
                break
            self._settled = call["number"]

    async def held(self, organisations: list[str]) -> dict[tuple[str, str], set[str]]:
        """Asks what is held of each organisation, kind by kind."""
        found: dict[tuple[str, str], set[str]] = {}
        for organisation in organisations:
            for kind in STAGES:
                params = {"organisation": organisation, "kind": kind}
                answer = await self._http.get(f"{self._simulator}/_simulator/objects", params=params, timeout=120)
                objects = await asyncio.to_thread(lambda said: said.raise_for_status().json()["objects"], answer)
                found[organisation, kind] = {one["id"].lower() for one in objects}
        return found


def read_call(call: dict[str, Any]) -> Call:
    """Reads one entry."""
    return Call(
        call["number"],
        call["time"],
        call["monotonic"],
        call["method"],
        call["path"],
        call["query"],
        call["organisation"],
        call["status"],
        call["bytes"],
        call["sha256"],
        tuple(call["object_ids"]),
        call["job_id"],
        call["planted"],
        tuple(call["not_kept"]),
    )
