"""What is turned away as it comes in, by whichever layer: always by a problem, and the connection ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.server import connections
from app.server.connections import Connection
from tests.api.conftest import Service
from tests.api.factories import body, put
from tests.tried_with import tried_with


@dataclass(frozen=True)
class Got:
    """An answer as it came over the wire; `rest` is what came behind it until the connection was closed."""

    status: int
    headers: Mapping[str, str]
    body: Any
    rest: bytes


async def answer(reader: asyncio.StreamReader) -> Got:
    """Reads one answer, and waits until the other side has closed the connection."""
    async with asyncio.timeout(20):
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    length = int(headers["content-length"]) if "content-length" in headers else len(rest)
    if headers.get("transfer-encoding") == "chunked":
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        rest = rest[:length] + rest[length:].removeprefix(b"\r\n0\r\n\r\n")
    return Got(int(status.split()[1]), headers, json.loads(rest[:length]), rest[length:])


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Opens a connection meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def sent(service: Service, *pieces: bytes) -> Got:
    """Sends this as it is, and gives what comes back until the connection is closed."""
    async with connected(service) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await answer(reader)


def assert_turned_away(got: Got, status: int, slug: str) -> None:
    assert (got.status, got.headers["content-type"]) == (status, "application/problem+json")
    assert (got.body["type"], got.body["status"]) == (f"/problems/{slug}", status)
    assert got.body["instance"] == f"urn:uuid:{got.headers['x-request-id']}"
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert got.headers["connection"] == "close"
    assert got.rest == b""


HOST = b"Host: x\r\n"


@tried_with(
    "request_line",
    [
        b"GET / HTTP/9\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n",
        b"GET /\r\nA B: c\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem(service: Service, request_line: bytes) -> None:
    assert_turned_away(await sent(service, request_line), 400, "malformed-request")


@tried_with(
    "lengths",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -1\r\n",
    ],
)
async def test_nobody_can_say_in_two_ways_where_a_request_ends(service: Service, lengths: bytes) -> None:
    """What stands behind it is not taken for a second request."""
    second = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    got = await sent(service, b"POST /events/tickets HTTP/1.1\r\n" + HOST + lengths + b"\r\n0\r\n\r\n" + second)
    assert_turned_away(got, 400, "malformed-request")


async def test_a_request_has_one_authorization(service: Service) -> None:
    """Neither of two keys counts, whatever is asked for, and however well it is known."""
    client = await service.client("history", "provision")
    activity_id = await put(client, body())
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    mine, path = client.headers["authorization"], f"/runs/{run['id']}"
    assert (await client.get(path)).status_code == 200
    for keys in ((mine, mine), (mine, "Bearer x"), ("Bearer x", mine)):
        given = "".join(f"Authorization: {each}\r\n" for each in keys).encode()
        got = await sent(service, f"GET {path} HTTP/1.1\r\n".encode() + HOST + given + b"\r\n")
        assert_turned_away(got, 400, "malformed-request")


@tried_with("pieces", [1, 40])
@tried_with("form", ["one long value", "many headers", "a long address"])
async def test_headers_have_a_bound(service: Service, form: str, pieces: int) -> None:
    """However they come in, and although more follows that nobody reads."""
    value = {"one long value": b"X: " + b"a" * 300_000, "many headers": b"X: a\r\n" * 50_000, "a long address": b"X: a"}
    address = b"/" + (b"a" * 300_000 if form == "a long address" else b"version")
    request = b"GET " + address + b" HTTP/1.1\r\n" + HOST + value[form] + b"\r\n\r\n"
    size = len(request) // pieces + 1
    got = await sent(service, *(request[at : at + size] for at in range(0, len(request), size)))
    assert_turned_away(got, 431, "headers-too-large")


async def test_an_address_has_a_bound_that_comes_at_once(service: Service) -> None:
    """Whole, in one piece: the parser measures only what it waits for."""
    got = await sent(service, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert_turned_away(got, 431, "headers-too-large")


async def test_headers_of_an_ordinary_size_pass(service: Service) -> None:
    client = await service.client()
    assert (await client.get("/version", headers={"Cookie": "a" * 14_000})).status_code == 200
    assert (await client.get("/version", headers={"Cookie": "a" * 17_000})).status_code == 431


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "headers_within", 0.3)


@pytest.mark.usefixtures("impatient")
@tried_with("before", ["nothing", "a request"])
async def test_headers_that_come_slowly_are_not_waited_for(service: Service, before: str) -> None:
    """A sender gains no time by a further byte, nor by a request before."""
    async with connected(service) as (reader, writer):
        if before == "a request":
            writer.write(b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))

        async def slowly() -> None:
            writer.write(b"GET /version HTTP/1.1\r\n")
            while True:
                writer.write(b"X: a\r\n")
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(slowly())
        try:
            assert_turned_away(await answer(reader), 408, "headers-too-slow")
        finally:
            sending.cancel()


@pytest.mark.usefixtures("impatient")
async def test_a_connection_without_a_request_is_closed(service: Service) -> None:
    async with connected(service) as (reader, _), asyncio.timeout(20):
        assert await reader.read() == b""


@pytest.mark.usefixtures("impatient")
async def test_a_body_and_an_answer_take_longer_than_headers_may(service: Service) -> None:
    """The time-out is for headers alone: a body has its own."""
    key = await service.key("provision")
    content = json.dumps(body()).encode()
    head = (
        f"PUT /activities/{service.organisations[0]} HTTP/1.1\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    )
    async with connected(service) as (reader, writer):
        writer.write(head.encode() + HOST + b"\r\n" + content[:10])
        await asyncio.sleep(0.6)
        writer.write(content[10:])
        assert (await answer(reader)).status == 201


async def test_too_many_connections_are_told_so(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are open go on."""
    monkeypatch.setattr(connections, "_most_connections", lambda: 1)
    async with connected(service) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert_turned_away(await sent(service), 503, "busy")
        writer.write(b"GET /version HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")


async def test_who_takes_nothing_of_an_answer_is_not_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is cut, and the answer ends with it."""
    monkeypatch.setattr(Connection, "taken_within", 0.3)
    async with connected(service) as (reader, writer):
        # So many descriptions fit into no buffer.
        request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n"
        writer.write(request * 20)
        await asyncio.sleep(1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(20):
                await reader.readexactly(20 * 1_000_000)
