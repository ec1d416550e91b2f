"""Sends bodies that are made to be a burden, and prints what each cost: until its answer, in memory, and others.

    python -m benchmarks.bodies [megabytes] [kind …]

For each kind of body: the status and the codes of its answer, seconds until it is there (in all, and since the last
byte that was sent), the most memory the API process had meanwhile, and how long others waited for a small GET. Before
all that, how long they wait when nothing is sent, which is the machine's own.

Uses DATABASE_URL (an empty database) when it is set, an embedded Postgres otherwise.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from benchmarks.figures import Budget, Figure, table
from benchmarks.processes import workshop

_PERSONS = b'{"display_name": "x", "roster": {"persons": ['
_END = b"]}}"
_PIECE = 1 << 20
# What no body may be past: seconds, MB, seconds.
_ANSWER, _MEMORY, _OTHERS = 10, 500, 0.3


def _id(number: int) -> bytes:
    return b'{"id": "%s"}' % str(UUID(int=number)).encode()


def _repeated(unit: bytes, size: int, start: bytes = _PERSONS, end: bytes = _END) -> Iterator[bytes]:
    yield start
    piece = unit * max(1, _PIECE // len(unit))
    for _ in range(max(1, size // len(piece))):
        yield piece
    yield end


def _objects(size: int, most: int) -> Iterator[bytes]:
    made = (_id(number) for number in range(min(most, size // 48)))
    first = next(made)
    yield _PERSONS + first
    while rows := [each for each, _ in zip(made, range(20_000), strict=False)]:
        yield b"," + b",".join(rows)
    yield _END


def _large_objects(filling: bytes, size: int) -> Iterator[bytes]:
    """Objects just within the bound, each full of the same."""
    for number in range(max(1, size // _PIECE)):
        opening = _PERSONS if number == 0 else b","
        content = filling * ((_PIECE - 100) // len(filling))
        yield opening + _id(number)[:-1] + b', "n": [' + content.rstrip(b",") + b"]}"
    yield _END


def _one_bad(size: int) -> Iterator[bytes]:
    yield _PERSONS + b"{}"
    for start in range(0, size // 48, 20_000):
        yield b"," + b",".join(_id(number) for number in range(start, min(start + 20_000, size // 48)))
    yield _END


KINDS: Mapping[str, Callable[[int], Iterator[bytes]]] = {
    "white space": lambda size: _repeated(b" ", size, b"", b'{"display_name": "x", "roster": {"persons": []}}'),
    "white space in an object": lambda size: _repeated(b" ", size, _PERSONS + b"{", b"}" + _END),
    "empty objects": lambda size: _repeated(b"{},", size),
    "numbers": lambda size: _repeated(b"1,", size),
    "the same id": lambda size: _repeated(_id(1) + b",", size),
    "nesting": lambda size: _repeated(b"[", size),
    "nested objects": lambda size: _repeated(b'{"a":', size),
    "one object of many keys": lambda size: _repeated(b'"0123456":1,', size, _PERSONS + b"{", b'"":1}' + _END),
    "one key many times": lambda size: _repeated(b'"id":1,', size, _PERSONS + b"{", b'"":1}' + _END),
    "one number": lambda size: _repeated(b"9", size),
    "one text": lambda size: _repeated(b"x", size, _PERSONS + b'"', b'"' + _END),
    "one text of escapes": lambda size: _repeated(b"\\u00e5", size, _PERSONS + b'"', b'"' + _END),
    "a long name": lambda size: _repeated(b"x", size, b'{"display_name": "', b'", "roster": {"persons": []}}'),
    "a long unknown field": lambda size: _repeated(b"x", size, b'{"', b'": 1}'),
    "an unknown field's value": lambda size: _repeated(b"[],", size, b'{"more": [', b"1]}"),
    "one problem, then good ones": _one_bad,
    "large objects of lists": lambda size: _large_objects(b"[],", size),
    "large objects of objects": lambda size: _large_objects(b"{},", size),
    "large objects of nests": lambda size: _large_objects(b"[" * 90 + b"]" * 90 + b",", size),
    "large objects of letters": lambda size: _large_objects('"åäö😀",'.encode(), size),
    "minimal objects, too many": lambda size: _objects(size, 10**9),
    "minimal objects, as many as may be": lambda size: _objects(size, 500_000),
}


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(table(measure(size, sys.argv[2:] or list(KINDS))))


def measure(megabytes: float, kinds: list[str] | None = None, idle_seconds: float = 3) -> list[Figure]:
    """Sends one body of each kind and so many megabytes; gives the worst of each figure beside its bound.

    `idle_seconds` is for how long it looks at an idle API before.
    """
    answers, memory, others = list[float](), list[float](), list[float]()
    with workshop() as shop:
        mine, other = shop.key("2120009812"), shop.key("2120009820")
        with shop.started("serve", "--port", "0") as (process, port):
            idle = asyncio.run(_others(port, other, asyncio.sleep(idle_seconds)))
            print(f"nothing: p99 {_p99(idle) * 1000:.0f} ms, max {max(idle) * 1000:.0f} ms, n={len(idle)}", flush=True)
            for kind in kinds or list(KINDS):
                answered, peak, waited = asyncio.run(
                    _measure(process.pid, port, mine, other, kind, int(megabytes * 1e6))
                )
                answers.append(answered)
                memory.append(peak)
                others.append(waited)
    return [
        Figure("burdensome body, answer", "s", max(answers), _ANSWER, "bound", Budget("at most", 1)),
        Figure("burdensome body, memory", "MB", max(memory), _MEMORY, "bound", Budget("at most", 1)),
        Figure("burdensome body, others' p99", "s", max(others), _OTHERS, "bound", Budget("at most", 1)),
    ]


async def _measure(pid: int, port: int, mine: str, other: str, kind: str, size: int) -> tuple[float, float, float]:
    _forget_peak(pid)
    body = b"".join(KINDS[kind](size))
    sending = asyncio.create_task(asyncio.to_thread(_send, port, mine, body))
    waited = await _others(port, other, sending)
    status, codes, seconds, after = await sending
    p99 = _p99(waited)
    peak = _peak_mb(pid)
    print(
        f"{kind:<36} {len(body) / 1e6:5.1f} MB  {status} {codes:<20.20} {seconds:6.2f} s ({after:5.2f} s after the last"
        f" byte)  {peak:4.0f} MB  p99 {p99 * 1000:5.0f} ms  max {max(waited) * 1000:5.0f} ms  n={len(waited)}",
        flush=True,
    )
    return seconds, peak, p99


async def _others(port: int, key: str, doing: Awaitable[object]) -> list[float]:
    """Asks for activities again and again while something else is done; gives how long each answer took."""
    headers, waited = {"Authorization": f"Bearer {key}"}, list[float]()
    at_work = asyncio.ensure_future(doing)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=300, trust_env=False
    ) as client:
        while not waited or not at_work.done():
            asked = time.perf_counter()
            (await client.get("/activities")).raise_for_status()
            waited.append(time.perf_counter() - asked)
            await asyncio.wait([at_work], timeout=0.01)
    return waited


def _p99(waited: list[float]) -> float:
    return sorted(waited)[min(len(waited) - 1, int(len(waited) * 0.99))]


def _send(port: int, key: str, body: bytes) -> tuple[int, str, float, float]:
    """Sends a body by the system's own sockets; gives status and codes, seconds in all and since the last byte."""
    sent_at = began = time.perf_counter()

    def pieces() -> Iterator[bytes]:
        nonlocal sent_at
        for start in range(0, len(body), 1 << 16):
            yield body[start : start + (1 << 16)]
            sent_at = time.perf_counter()

    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    with httpx.Client(timeout=300, trust_env=False) as client:
        answer = client.put(f"http://127.0.0.1:{port}/activities/{uuid4()}", content=pieces(), headers=headers)
    ended = time.perf_counter()
    codes = ",".join(dict.fromkeys(error["code"] for error in json.loads(answer.content).get("errors", ())))
    return answer.status_code, codes, ended - began, ended - sent_at


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    main()
