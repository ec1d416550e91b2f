"""How many polls a second that find nothing new (304) one API process answers, beside FastAPI's empty handler.

    python -m benchmarks.polls [--seconds 1] [--rounds 4] [--connections 8] [--streams 1000]

The API as it is in production, key check included, on a run and on a job; the empty handler under uvicorn without a
log. One client for both, with so many connections that each send the next request when they have the answer; short
rounds in turn, so that what else the machine does hits both. Then the same polls of the run beside so many event
streams that wait, half of them of the run and half of all the organisation, in turn with none: how many answers, and
how long 95 of 100 take at most while the process is not busy with them alone.
"""

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from app.domain.kinds import Kind
from benchmarks.asgi import served
from benchmarks.figures import Budget, Figure, table
from benchmarks.processes import workshop
from benchmarks.service import service

# So many times at least make a percentile.
_FEWEST = 40


@dataclass(frozen=True)
class Load:
    """How long a round takes (s), how many each of the two has, how many connections ask, how many streams wait."""

    seconds: float = 1.0
    rounds: int = 4
    connections: int = 8
    streams: int = 1000


@dataclass(frozen=True)
class _Poll:
    """A request to send again and again, and the status that its answer must have."""

    port: int
    request: bytes
    status: bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--streams", type=int, default=1000)
    print(table(measure(Load(**vars(parser.parse_args())))))


def measure(load: Load) -> list[Figure]:
    """Polls a run and a job that wait for a worker, and the empty handler between them."""
    with workshop() as shop, service(shop) as at, served("benchmarks.empty_handler:app", shop.folder) as empty_port:
        run = at.accept(shop.key("2120009812"), {kind.value: [] for kind in Kind})
        headers = {"Authorization": f"Bearer {run.key}"}
        shown = at.api.get(run.location, headers=headers).json()
        empty = _Poll(empty_port, _request("/", {}), b"200")
        figures = []
        for name, path in (("304 of a run", run.location), ("304 of a job", f"/jobs/{shown['jobs'][0]['id']}")):
            tag = at.api.get(path, headers=headers).headers["ETag"]
            port = httpx.URL(str(at.api.base_url)).port
            assert port is not None  # noqa: S101 - any free one
            poll = _Poll(port, _request(path, headers | {"If-None-Match": tag}), b"304")
            ours, theirs = asyncio.run(_in_turn((poll, empty), load))
            figures.append(Figure(name, "requests/s", ours, theirs, "empty handler", Budget("at least", 0.5)))
            if path == run.location:
                streams = [_Poll(port, _request(each, headers), b"200") for each in (f"{path}/events", "/events")]
                beside, alone = asyncio.run(_beside_streams(poll, streams, load))
                figures += _compared(beside, alone, load.streams)
    return figures


def _request(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: benchmark", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _in_turn(polls: Sequence[_Poll], load: Load) -> list[float]:
    """Gives the answers a second of each, over all its rounds; one round before them is not counted."""
    counts, times = [0] * len(polls), [0.0] * len(polls)
    for number in range(load.rounds + 1):
        for index, poll in enumerate(polls):
            began = time.perf_counter()
            asking = (_ask(poll, began + load.seconds) for _ in range(load.connections))
            answers = sum(await asyncio.gather(*asking))
            if number > 0:
                counts[index] += answers
                times[index] += time.perf_counter() - began
    return [count / took for count, took in zip(counts, times, strict=True)]


@dataclass(frozen=True)
class _Seen:
    """How many answers a second there were, and how long single ones took, asked for one after the other (ms)."""

    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def look(self, poll: _Poll, load: Load) -> None:
        self.rates.append((await _in_turn((poll,), replace(load, rounds=1)))[0])
        self.times.extend(await _times(poll, load.seconds))

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times, n=20)[-1]


def _compared(beside: _Seen, alone: _Seen, streams: int) -> list[Figure]:
    ours, theirs = (statistics.mean(each.rates) for each in (beside, alone))
    return [
        Figure(f"304 beside {streams} streams", "requests/s", ours, theirs, "no stream", Budget("at least", 0.9)),
        Figure(f"p95 beside {streams} streams", "ms", beside.p95, alone.p95, "no stream", Budget("at most", 1.5)),
    ]


async def _beside_streams(poll: _Poll, streams: Sequence[_Poll], load: Load) -> tuple[_Seen, _Seen]:
    """Looks beside streams that wait, and without them, in rounds that take turns."""
    beside, alone = _Seen(), _Seen()
    for _ in range(load.rounds):
        async with AsyncExitStack() as stack:
            for number in range(load.streams):
                await stack.enter_async_context(_waiting(streams[number % len(streams)]))
            # What they have left behind on our side is none of the API's doing.
            gc.collect()
            gc.freeze()
            await beside.look(poll, load)
        await alone.look(poll, load)
    return beside, alone


async def _times(poll: _Poll, seconds: float) -> list[float]:
    """Gives how long each answer takes on one connection, a hundred a second at most (ms)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", poll.port)
    times, ends = list[float](), time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends or len(times) < _FEWEST:
        writer.write(poll.request)
        await reader.readuntil(b"\r\n\r\n")
        times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    return times


@asynccontextmanager
async def _waiting(stream: _Poll) -> AsyncIterator[None]:
    """Has a stream open, whose first event has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stream.port)
    writer.write(stream.request)
    await reader.readuntil(b"event: run")
    try:
        yield
    finally:
        writer.close()
        await writer.wait_closed()


async def _ask(poll: _Poll, until: float) -> int:
    """Polls on one connection until a time of `perf_counter`, and counts the answers.

    A client of a few lines: a complete one costs more than the server that it measures.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", poll.port)
    answers = 0
    while time.perf_counter() < until:
        writer.write(poll.request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 " + poll.status):
            raise SystemExit(f"a poll was answered with {head.split(maxsplit=2)[1].decode()}")
        _, found, length = head.partition(b"content-length:")
        if found:
            await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
        answers += 1
    writer.close()
    await writer.wait_closed()
    return answers


if __name__ == "__main__":
    main()
