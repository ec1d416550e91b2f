"""How long others wait for their answers while one key asks for as much as it can, beside a quiet API.

    python -m benchmarks.neighbours [--seconds 4] [--rounds 4] [--streams 200] [--uploads 50] [--rate 500]

One API process with the limits that it has by default. A key of another organisation lists its activities again and
again; what 95 of 100 answers take at most is compared between an idle API and one at which a loud key holds so many
event streams, so many uploads of which a few bytes come at a time, or sends so many requests a second, in rounds that
take turns. The loud requests come from a process of their own, which wants a core beside the API's and the client's.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import httpx

from benchmarks.figures import Budget, Figure, table
from benchmarks.open_loop import send
from benchmarks.processes import workshop

# Between two pieces of a slow upload, and how many bytes each has.
_PAUSE_S: Final = 0.1
_PIECE: Final = b" " * 16
# The most that others may wait, beside an idle API.
_TWICE: Final = Budget("at most", 2)


@dataclass(frozen=True)
class Load:
    """How long a round takes (s), how many rounds each has, and how loud the neighbour is."""

    seconds: float = 4.0
    rounds: int = 4
    streams: int = 200
    uploads: int = 50
    rate: int = 500


@dataclass(frozen=True)
class _Loud:
    """A neighbour: at which port, with which key."""

    port: int
    key: str

    def head(self, method: str, path: str, *more: str) -> bytes:
        lines = (f"{method} {path} HTTP/1.1", "Host: benchmark", f"Authorization: Bearer {self.key}", *more)
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    @asynccontextmanager
    async def streams(self, number: int) -> AsyncIterator[None]:
        """Has so many event streams open, each of which has begun."""
        async with AsyncExitStack() as stack:
            for _ in range(number):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                stack.callback(writer.close)
                writer.write(self.head("GET", "/events"))
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"a stream was answered with {head.split(maxsplit=2)[1].decode()}")
            yield

    @asynccontextmanager
    async def uploads(self, number: int) -> AsyncIterator[None]:
        """Has so many uploads under way; one that is ended by the API is begun anew."""
        at_work = [asyncio.create_task(self._upload()) for _ in range(number)]
        try:
            yield
        finally:
            for each in at_work:
                each.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)

    async def _upload(self) -> None:
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                of_json = ("Content-Type: application/json", "Transfer-Encoding: chunked")
                writer.write(self.head("PUT", f"/activities/{uuid4()}", *of_json))
                while True:
                    writer.write(b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE))
                    await writer.drain()
                    await asyncio.sleep(_PAUSE_S)
            except OSError:
                pass
            finally:
                writer.close()

    @asynccontextmanager
    async def requests(self, rate: int, seconds: float) -> AsyncIterator[None]:
        """Sends so many requests a second for at least so long, from another process."""
        order = [0] * int(rate * (seconds + 1))
        sending = asyncio.create_task(
            asyncio.to_thread(send, [self.port], [[self.head("GET", "/activities")]], order, rate)
        )
        # Until it is up, nothing is measured: it starts as a Python process does.
        await asyncio.sleep(0.7)
        try:
            yield
        finally:
            await sending


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--rate", type=int, default=500, help="requests a second")
    print(table(measure(Load(**vars(parser.parse_args())))))


def measure(load: Load) -> list[Figure]:
    """Has others wait beside each kind of loud neighbour, and beside none."""
    with workshop() as shop:
        mine, theirs = shop.key("2120009812"), shop.key("2120009820")
        with shop.started("serve", "--port", "0") as (_, port):
            loud = _Loud(port, theirs)
            kinds: dict[str, Callable[[], AbstractAsyncContextManager[None]]] = {
                f"{load.streams} streams": lambda: loud.streams(load.streams),
                f"{load.uploads} slow uploads": lambda: loud.uploads(load.uploads),
                f"{load.rate} requests/s": lambda: loud.requests(load.rate, load.seconds),
            }
            return [
                asyncio.run(_compared(f"others' p95 beside {name}", port, mine, kind, load))
                for name, kind in kinds.items()
            ]


async def _compared(
    name: str, port: int, key: str, neighbour: Callable[[], AbstractAsyncContextManager[None]], load: Load
) -> Figure:
    beside, alone = list[float](), list[float]()
    for _ in range(load.rounds):
        alone += await _times(port, key, load.seconds)
        async with neighbour():
            beside += await _times(port, key, load.seconds)
    return Figure(name, "ms", _p95(beside), _p95(alone), "no neighbour", _TWICE)


async def _times(port: int, key: str, seconds: float) -> list[float]:
    """Gives how long each answer takes (ms), asked for one after the other, thirty a second at most."""
    times, ends = list[float](), time.perf_counter() + seconds
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False
    ) as client:
        while len(times) < 2 or time.perf_counter() < ends:
            began = time.perf_counter()
            (await client.get("/activities")).raise_for_status()
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(1 / 30)
    return times


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    main()
