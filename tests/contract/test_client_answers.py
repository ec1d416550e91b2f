"""Answers that a server sends byte by byte: what breaks off, what lies about itself; and how we introduce ourselves."""

import asyncio
import gzip
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.domain.kinds import Kind
from app.skolverket.client import ProvisioningApi, opened
from app.skolverket.exchange import LARGEST_ANSWER, exchanged
from app.target import Answer, TargetError, TokenRefused, TryAgain
from tests.tls import Tls, issue, make_tls

TIMEOUT = 2.0
NOTHING = b'{"responses":[]}'


@dataclass
class Server:
    """Answers every call with the same bytes and closes the connection; keeps the heads of the requests."""

    answer: bytes
    heads: list[str] = field(default_factory=list)
    base: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Server]:
    server = Server(answer)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server


def _ok(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def open_connections(http: httpx.AsyncClient) -> int:
    """Counts the connections that are kept for later calls."""
    transport = http._transport
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    return len(transport._pool.connections)


async def _fails(answer: bytes) -> TargetError:
    async with serving(answer) as server, opened(TIMEOUT) as http:
        api = ProvisioningApi(http, server.base, TIMEOUT)
        with pytest.raises(TargetError) as fault:
            await api.poll(Kind.PERSONS, str(uuid4()), "a.b.c")
    return fault.value


@pytest.mark.parametrize(
    ("answer", "code", "kept"),
    [
        (_ok(b"true", length=400), "connection_lost", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntrue\r\n", "connection_lost", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "connection_lost", b""),
        (b"", "connection_lost", b""),
        (b"\x16\x03\x01 no HTTP at all\r\n\r\n", "connection_lost", b""),
        (_ok(b""), "answer_unreadable", b""),
        (_ok(b"<html>logga in</html>", "Content-Type: text/html"), "answer_unreadable", b"<html>logga in</html>"),
        (_ok(b"tr", "Content-Type: application/json"), "answer_unreadable", b"tr"),
        (_ok(b"\xff\xfe\x00"), "answer_unreadable", b"\xff\xfe\x00"),
        (_ok(b"no gzip", "Content-Encoding: gzip"), "answer_unreadable", b""),
        (_ok(b"[" * 100_000), "answer_unreadable", b"[" * 100_000),
    ],
    ids=["short", "chunk", "head", "nothing", "other protocol", "empty", "page", "cut", "bytes", "gzip", "deep"],
)
async def test_an_answer_that_can_not_be_read_is_tried_again(answer: bytes, code: str, kept: bytes) -> None:
    fault = await _fails(answer)
    assert (type(fault), fault.code, fault.answer) == (TryAgain, code, kept)


async def test_what_can_not_be_read_keeps_its_status() -> None:
    assert (await _fails(_ok(b"<html>"))).http_status == 200


async def test_no_answer_is_asked_for_or_taken_in_another_encoding() -> None:
    """A small one could become anything: it is read no further than its head, and the connection is not used again."""
    packed = gzip.compress(NOTHING)
    async with serving(_ok(packed, "Content-Encoding: gzip")) as server, opened(TIMEOUT) as http:
        with pytest.raises(TryAgain) as fault:
            await ProvisioningApi(http, server.base, TIMEOUT).poll(Kind.PERSONS, str(uuid4()), "a.b.c")
        assert open_connections(http) == 0
    assert (fault.value.code, fault.value.http_status, fault.value.answer) == ("answer_unreadable", 200, b"")
    assert [re.findall(r"(?mi)^accept-encoding: (.*)\r$", head) for head in server.heads] == [["identity"]]


@pytest.mark.parametrize("said", ["identity", "Identity", ""])
async def test_an_answer_may_say_that_it_is_not_encoded(said: str) -> None:
    async with serving(_ok(NOTHING, f"Content-Encoding: {said}")) as server, opened(TIMEOUT) as http:
        api = ProvisioningApi(http, server.base, TIMEOUT)
        assert await api.poll(Kind.PERSONS, str(uuid4()), "a.b.c") == Answer(NOTHING, [])


@pytest.mark.parametrize("status", [429, 503])
async def test_what_says_that_the_service_is_away_says_so_in_any_encoding(status: int) -> None:
    fault = await _fails(f"HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n..".encode())
    assert (fault.code, fault.http_status, fault.answer) == (f"http_{status}", status, b"")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("more", [0, 1])
async def test_an_answer_has_16_mb_at_most(chunked: bool, more: int) -> None:
    """And is read no further: the connection is closed."""
    body = NOTHING + b" " * (LARGEST_ANSWER - len(NOTHING) + more)
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        if chunked
        else _ok(body)
    )
    async with serving(answer) as server, opened(TIMEOUT) as http:
        api = ProvisioningApi(http, server.base, TIMEOUT)
        if not more:
            assert (await api.poll(Kind.PERSONS, str(uuid4()), "a.b.c")).raw == body
            return
        with pytest.raises(TryAgain) as fault:
            await api.poll(Kind.PERSONS, str(uuid4()), "a.b.c")
        assert open_connections(http) == 0
    assert (fault.value.code, fault.value.http_status, fault.value.answer) == ("answer_unreadable", 200, b"")


async def test_an_answer_without_an_end_is_given_up_before_its_time_is_over() -> None:
    """It would fill the memory otherwise: it is ended by its size."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b" " * 1_000_000)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as listening, opened(60) as http:
        api = ProvisioningApi(http, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", 60)
        with pytest.raises(TryAgain) as fault:
            await api.poll(Kind.PERSONS, str(uuid4()), "a.b.c")
    assert fault.value.code == "answer_unreadable"


async def test_an_answer_that_contradicts_itself_is_asked_for_again() -> None:
    """It is kept as it came."""
    item = '{"id":"a0000000-0000-4000-8000-000000000001","response":{"status":"%s"}}'
    body = f'{{"responses":[{item % "Success"},{item % "Error"}]}}'.encode()
    fault = await _fails(_ok(body))
    assert (type(fault), fault.code, fault.http_status, fault.answer) == (TryAgain, "answer_contradicts", 200, body)


async def test_a_redirection_is_not_followed() -> None:
    """It says nothing of the records, and our token is for nobody else."""
    fault = await _fails(b"HTTP/1.1 302 Found\r\nLocation: https://other.example.se/\r\nContent-Length: 0\r\n\r\n")
    assert (type(fault), fault.code) == (TryAgain, "http_302")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'[{"id":"5555"'])
async def test_a_403_that_says_nothing_is_the_tokens(body: bytes) -> None:
    answer = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    fault = await _fails(answer)
    assert (type(fault), fault.http_status, fault.answer) == (TokenRefused, 403, body)


async def test_every_call_says_who_we_are() -> None:
    """Also one that is made on connections of another's own, as the authorisation server's are."""
    async with serving(_ok(b"true")) as server, opened(TIMEOUT) as http:
        await ProvisioningApi(http, server.base, TIMEOUT).alive("a.b.c")
        await exchanged(http, "GET", server.base, TIMEOUT)
    assert [re.findall(r"(?mi)^user-agent: (.*)\r$", head) for head in server.heads] == [
        [f"provkedja/{version('provkedja')}"]
    ] * 2


async def test_a_token_goes_as_a_bearer_token_below_the_base_address() -> None:
    async with serving(_ok(b"true")) as server, opened(TIMEOUT) as http:
        await ProvisioningApi(http, f"{server.base}/v1/", TIMEOUT).alive("a.b.c")
    (head,) = server.heads
    assert head.startswith("GET /v1/alive HTTP/1.1\r\n")
    assert "Authorization: Bearer a.b.c\r\n" in head


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/v1", "127.0.0.1/v1", "http://127.0.0.1:port/v1", ""])
async def test_an_address_that_is_none_is_for_the_operator(address: str) -> None:
    async with opened(TIMEOUT) as http:
        with pytest.raises(TryAgain) as fault:
            await ProvisioningApi(http, address, TIMEOUT).alive("a.b.c")
    assert (fault.value.code, fault.value.is_outage) == ("address_unusable", False)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_authorities_that_can_not_be_read_are_said_so(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TryAgain) as fault:
        async with opened(TIMEOUT, str(file)):
            pass
    assert (fault.value.code, fault.value.is_outage) == ("ca_file_unreadable", False)


# TLS


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def https_port(tls: Tls) -> AsyncIterator[int]:
    """A server at 127.0.0.1 whose authority is the test's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.folder / "server.pem", tls.folder / "server.key")
    async with await asyncio.start_server(Server(_ok(b"true")).serve, "127.0.0.1", 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1]


async def _ask(address: str, ca_file: Path | str) -> None:
    async with opened(TIMEOUT, str(ca_file)) as http:
        await ProvisioningApi(http, address, TIMEOUT).alive("a.b.c")


async def test_a_server_is_trusted_by_the_authorities_of_a_file(tls: Tls, https_port: int, tmp_path: Path) -> None:
    """And by those alone that are in it now: a file that changes is read again."""
    file = tmp_path / "authorities.pem"
    file.write_bytes(tls.ca_file.read_bytes())
    await _ask(f"https://127.0.0.1:{https_port}", file)
    file.write_bytes(issue("Another authority", authority=True).pem)
    with pytest.raises(TryAgain) as fault:
        await _ask(f"https://127.0.0.1:{https_port}", file)
    assert fault.value.code == "server_untrusted"


@pytest.mark.parametrize(
    ("host", "known", "code"), [("127.0.0.1", False, "server_untrusted"), ("localhost", True, "server_wrong_host")]
)
async def test_a_server_that_is_not_the_one_meant_is_told_from_one_that_is_away(
    tls: Tls, https_port: int, host: str, known: bool, code: str
) -> None:
    with pytest.raises(TryAgain) as fault:
        await _ask(f"https://{host}:{https_port}", tls.ca_file if known else "")
    assert (fault.value.code, fault.value.is_outage) == (code, False)
