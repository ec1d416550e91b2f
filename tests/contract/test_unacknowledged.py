"""How long what a call writes may stay unacknowledged: as long as the call says, on the very connection that it has."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpcore
import httpx
import pytest

from app.domain.egress import UNACKNOWLEDGED_FOR
from app.domain.kinds import Kind
from app.skolverket.client import ProvisioningApi, opened
from app.target import RateLimit, TryAgain
from tests.contract.test_client_answers import open_connections
from tests.tls import Tls, make_tls

TIMEOUT = 20.0
# More than the buffers of both sides take.
LARGE = b"x" * 20_000_000

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this kernel gives up nothing")


@dataclass
class Allowing:
    """Lets a call leave with so many seconds, and keeps what its connection has when it has been written."""

    seconds: float
    http: httpx.AsyncClient
    had: list[int] = field(default_factory=list)

    async def leave(self) -> float:
        return self.seconds

    def gone(self) -> None:
        self.had += milliseconds(self.http)

    def woken(self, limit: RateLimit) -> None:
        pass


def milliseconds(http: httpx.AsyncClient) -> list[int]:
    """Reads the kernel's option of every open connection."""
    transport = http._transport
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    options = []
    for connection in transport._pool.connections:
        assert isinstance(connection, httpcore.AsyncHTTPConnection)
        http11 = connection._connection
        assert isinstance(http11, httpcore.AsyncHTTP11Connection)
        raw = http11._network_stream.get_extra_info("socket")
        options.append(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
    return options


@asynccontextmanager
async def serving(tls: Tls | None) -> AsyncIterator[str]:
    """A server that keeps its connections, with or without TLS."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.folder / "server.pem", tls.folder / "server.key")
    served = asyncio.Queue[None]()
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(ConnectionError):
            while (await reader.readline()).startswith(b"GET "):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
                await writer.drain()
            writer.close()
            await writer.wait_closed()
        served.put_nowait(None)

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listening:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        for _ in range(connections):
            await served.get()


@pytest.mark.parametrize("encrypted", [False, True])
async def test_each_call_has_its_own_time_on_the_connection_that_it_finds(tmp_path: Path, encrypted: bool) -> None:
    """One after the other on one connection; a call that nobody paces has the longest."""
    tls = make_tls(tmp_path) if encrypted else None
    async with serving(tls) as base, opened(TIMEOUT, str(tls.ca_file) if tls else "") as http:
        api = ProvisioningApi(http, base, TIMEOUT)
        for seconds, had in ((5.0, 5000), (1.5, 1500), (0.0001, 1), (4.25, 4250)):
            hooks = Allowing(seconds, http)
            await api.alive("a.b.c", hooks)
            assert hooks.had == [had]
        await api.alive("a.b.c")
        assert milliseconds(http) == [UNACKNOWLEDGED_FOR * 1000]


async def test_calls_side_by_side_have_each_their_own() -> None:
    async with serving(None) as base, opened(TIMEOUT) as http:
        api = ProvisioningApi(http, base, TIMEOUT)
        both = [Allowing(seconds, http) for seconds in (2.0, 3.0)]
        await asyncio.gather(*(api.alive("a.b.c", hooks) for hooks in both))
        assert sorted(milliseconds(http)) == [2000, 3000]


@contextmanager
def deaf() -> Iterator[str]:
    """A server that accepts and reads nothing: what does not fit its buffers is never acknowledged."""
    with closing(socket.socket()) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_connection_on_which_nothing_is_acknowledged_is_given_up_and_not_used_again() -> None:
    """Long before the call's own time is over; what had not left by then never does."""
    with deaf() as base:
        async with opened(TIMEOUT) as http:
            began = asyncio.get_running_loop().time()
            with pytest.raises(TryAgain) as fault:
                await ProvisioningApi(http, base, TIMEOUT).submit(Kind.PERSONS, LARGE, "a.b.c", Allowing(0.4, http))
            took = asyncio.get_running_loop().time() - began
            assert open_connections(http) == 0
    assert (fault.value.code, fault.value.is_outage) == ("connection_lost", True)
    assert took < UNACKNOWLEDGED_FOR - 1
