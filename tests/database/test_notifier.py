"""The connection to Redis: every form of its address, what can never do, and that nobody waits for it twice."""

import asyncio
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from app.db.activity_queue import WakeUp
from app.errors import Stopped
from app.jobs import notifier
from app.jobs.notifier import Notifier, pool
from app.local.server import free_port
from app.local.valkey import find_valkey
from tests.conftest import _wait
from tests.tls import SERVER, issue

PASSWORD = "a:b/c@d#e?f%g ö"
ESCAPED = "a%3Ab%2Fc%40d%23e%3Ff%25g%20%C3%B6"


@dataclass(frozen=True)
class Server:
    """A server with a port and a socket."""

    port: int
    socket: Path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="provkedja-") as folder:  # a socket's path has to be short
        made = Server(free_port(), Path(folder) / "redis.sock")
        settings = (
            f'bind 127.0.0.1\nport {made.port}\nunixsocket {made.socket}\nrequirepass "{PASSWORD}"\ndatabases 2\n'
            f'save ""\ndir {folder}\n'
        )
        process = subprocess.Popen([find_valkey(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            assert process.stdin
            process.stdin.write(settings.encode())
            process.stdin.close()
            _wait(made.socket.exists, "Valkey")
            yield made
        finally:
            process.terminate()
            process.wait(10)


@asynccontextmanager
async def behind_tls(port: int, folder: Path) -> AsyncIterator[tuple[int, str]]:
    """The same server over TLS, with a certificate for `localhost`: the port, and the file of its authority."""
    authority = issue("authority", authority=True)
    issued = issue("server", authority, uses=[SERVER], hosts=["localhost"])
    for name, content in (("ca.pem", authority.pem), ("chain.pem", issued.chain_pem), ("key.pem", issued.key_pem)):
        (folder / name).write_bytes(content)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(4096):
            writer.write(content)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, inner_writer))
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer), return_exceptions=True)

    writers: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1], str(folder / "ca.pem")
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def connected(url: str, ca_file: str = "") -> AsyncIterator[Notifier]:
    made = Notifier(url, ca_file)
    try:
        yield made
    finally:
        await made.close()


def a_wake_up() -> WakeUp:
    return WakeUp(uuid4(), 1, egresses=("here",))


async def works(url: str, ca_file: str = "") -> bool:
    async with connected(url, ca_file) as made:
        await made.check()
        return await made.wake_up([a_wake_up()]) and await made.writable()


async def test_every_form_of_an_address_works(server: Server) -> None:
    """A password with any character in it, a user, a socket, a database."""
    assert await works(f"redis://:{ESCAPED}@127.0.0.1:{server.port}/1")
    assert await works(f"redis://default:{ESCAPED}@localhost:{server.port}")
    assert await works(f"unix://:{ESCAPED}@{server.socket}?db=1")


async def test_tls_trusts_the_file_and_looks_at_the_name(server: Server, tmp_path: Path) -> None:
    """A server that is not trusted counts as away."""
    async with behind_tls(server.port, tmp_path) as (port, ca_file):
        assert await works(f"rediss://:{ESCAPED}@localhost:{port}/0", ca_file)
        assert not await works(f"rediss://:{ESCAPED}@localhost:{port}/0")
        assert not await works(f"rediss://:{ESCAPED}@127.0.0.1:{port}/0", ca_file)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("redis://:guess@127.0.0.1:{port}/0", "the password"),
        ("redis://127.0.0.1:{port}/0", "the password"),
        (f"redis://:{ESCAPED}@127.0.0.1:{{port}}/9", "no database of the number"),
    ],
)
async def test_what_can_never_do_is_refused_in_a_sentence(server: Server, url: str, part: str) -> None:
    async with connected(url.format(port=server.port)) as made:
        with pytest.raises(Stopped, match=part) as refused:
            await made.check()
        assert "guess" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["nonsense-7319", "http://x-7319", "redis:7319/0", "redis://h:0/7319", "redis://h/a7319"]
)
def test_an_address_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Stopped, match="REDIS_URL") as refused:
        pool(url)
    assert "7319" not in str(refused.value)


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """A server that gives these answers to commands in turn, the last one again and again, or none at all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        left = list(answers)
        while commands := (await reader.read(4096)).count(b"*"):
            for _ in range(commands if left else 0):
                writer.write(left.pop(0) if len(left) > 1 else left[0])

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("answer", ["MOVED 866 127.0.0.1:7001", "CLUSTERDOWN Hash slot not served"])
async def test_a_node_of_a_cluster_is_refused(answer: str) -> None:
    async with answering(f"-{answer}\r\n".encode()) as url, connected(url) as made:
        with pytest.raises(Stopped, match="cluster"):
            await made.check()


async def test_a_node_that_holds_the_keys_is_refused_too() -> None:
    """It says of itself that it is one."""
    info = b"# Cluster\r\ncluster_enabled:1\r\n"
    said = b"+OK\r\n", b"+OK\r\n", b"$%d\r\n%s\r\n" % (len(info), info), b"+OK\r\n"
    async with answering(*said) as url, connected(url) as made:
        with pytest.raises(Stopped, match="cluster"):
            await made.check()


async def test_a_redis_that_is_away_or_talks_nonsense_is_no_reason_not_to_start() -> None:
    async with connected(f"redis://127.0.0.1:{free_port()}/0") as made:
        await made.check()
        assert not await made.wake_up([a_wake_up()])
    async with answering(b"+OK\r\n") as url, connected(url) as made:
        await made.check()


async def test_after_a_time_out_nobody_waits_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "_TIMEOUT", 0.2)
    async with answering() as url, connected(url) as made:
        assert not await made.writable()
        monkeypatch.setattr(notifier, "_TIMEOUT", 60)
        async with asyncio.timeout(5):
            assert not await made.wake_up([a_wake_up()])
            assert not await made.writable()
        assert made._not_before > time.monotonic()


async def test_a_redis_that_takes_no_writes_is_not_writable(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", 1)
        try:
            async with connected(redis_url) as made:
                assert not await made.writable()
        finally:
            client.config_set("maxmemory", before)


async def test_every_connection_fails_when_it_goes_silent(redis_url: str) -> None:
    """The first one too, over which it was asked whether it is there."""
    made = pool(redis_url)
    first = await made.connection_pool.get_connection()
    assert first.socket_timeout is not None
    await made.connection_pool.release(first)
    await made.aclose()
