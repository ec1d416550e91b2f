"""Sends requests by the clock, whether or not the answers before have come: `python -m benchmarks.open_loop PORT …`.

Reads a load as JSON from standard input, and writes what became of each request to standard output. A process of its
own, so that it is on time while others compute. A client of a few lines: a complete one costs more than many answers.
"""

import asyncio
import base64
import gc
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from app.local.die_with_parent import die_with_parent
from app.local.launcher import ROOT

# An answer that comes later has failed: it would make the benchmark wait for ever.
_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: which `kind` it was of, its status (0 for none), bytes, and ms since it should have left."""

    kind: int
    status: int
    size: int
    ms: float


def send(ports: Sequence[int], kinds: Sequence[Sequence[bytes]], order: Sequence[int], rate: float) -> list[Sent]:
    """Has a process send `rate` requests a second, of the kinds that `order` names; each takes the next of its own.

    The `ports` have them in turn, as a proxy in front of several processes gives them.
    """
    load = {
        "kinds": [[base64.b64encode(each).decode() for each in requests] for requests in kinds],
        "order": list(order),
        "rate": rate,
    }
    command = die_with_parent([sys.executable, "-m", "benchmarks.open_loop", *map(str, ports)])
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(load).encode(), stdout=subprocess.PIPE, check=True)
    return [Sent(**each) for each in json.loads(done.stdout)]


class Client:
    """Connections to a port of this machine that are kept, as browsers keep theirs; more when all of them wait."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Sends a request, and gives the status and the body of its answer."""
        reader, writer = await self._connection()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await _body(reader, head)
        self._idle.append((reader, writer))
        return int(head.split(maxsplit=2)[1]), body

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Closes what is kept."""
        for _, writer in self._idle:
            writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    _, found, length = head.partition(b"\r\ncontent-length:")
    if found:
        return await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
    if b"\r\ntransfer-encoding: chunked" not in head:
        return b""
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


async def _sent(
    ports: Sequence[int], kinds: Sequence[Sequence[bytes]], order: Sequence[int], rate: float
) -> list[Sent]:
    clients, turn = [Client(port) for port in ports], [0] * len(kinds)
    began = time.perf_counter() + 0.1

    async def one(client: Client, kind: int, request: bytes, due: float) -> Sent:
        try:
            async with asyncio.timeout(_LONGEST_S):
                status, body = await client.ask(request)
        except (OSError, EOFError, TimeoutError):
            status, body = 0, b""
        return Sent(kind, status, len(body), (time.perf_counter() - due) * 1000)

    asking = []
    for number, kind in enumerate(order):
        due = began + number / rate
        client, request = clients[number % len(clients)], kinds[kind][turn[kind] % len(kinds[kind])]
        await asyncio.sleep(due - time.perf_counter())
        asking.append(asyncio.create_task(one(client, kind, request, due)))
        turn[kind] += 1
    sent = await asyncio.gather(*asking)
    for client in clients:
        client.close()
    return sent


def main(ports: Sequence[int]) -> None:
    """Sends the load of standard input to ports of this machine."""
    load = json.load(sys.stdin)
    kinds = [[base64.b64decode(each) for each in requests] for requests in load["kinds"]]
    gc.freeze()
    json.dump([asdict(each) for each in asyncio.run(_sent(ports, kinds, load["order"], load["rate"]))], sys.stdout)


if __name__ == "__main__":
    main([*map(int, sys.argv[1:])])
