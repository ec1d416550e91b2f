"""Who may send a roster, for how long, and what becomes of those who are too many or too slow."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import structlog

from app.api.http.problems import Busy
from app.api.intakes import AT_ONCE, SMALL_BYTES, IntakePlaces, Timeouts
from app.db.content import erase_objects
from tests.api.conftest import Service
from tests.api.factories import body, person

LENGTH = 2 * SMALL_BYTES
OPENING = b'{"display_name": "x", "roster": {"persons": [' + json.dumps(person()).encode()


@pytest.mark.parametrize(
    ("waited", "taken", "left"),
    [
        (0, 0, 30),
        (29, 0, 1),
        (31, 0, -1),
        (31, 32 * 64 * 1024, 1),
        (100, 200 * 64 * 1024, 60),
        (250, 10**9, 50),
        (301, 10**9, -1),
    ],
)
def test_a_sender_has_time_for_what_it_sends(waited: float, taken: int, left: float) -> None:
    """Half a minute in any case, then as long as 64 KiB a second come; never 60 s of silence, never 300 s in all."""
    assert Timeouts().left(waited, taken) == left


async def test_an_organisation_has_two_of_the_places() -> None:
    """Its third roster finds none, although others find theirs; a small one finds one of its own."""
    places, mine = IntakePlaces(), uuid4()
    async with AsyncExitStack() as held:
        for organisation in (mine, mine, uuid4(), uuid4()):
            await held.enter_async_context(places.take(organisation, None, 5))
        for organisation, length in ((mine, None), (uuid4(), SMALL_BYTES + 1)):
            with pytest.raises(Busy):
                await held.enter_async_context(places.take(organisation, length, 0.01))
        await held.enter_async_context(places.take(mine, SMALL_BYTES, 5))
    await all_free(places)


async def all_free(places: IntakePlaces) -> None:
    """Waits until every place for a large body can be had."""
    async with AsyncExitStack() as held:
        for _ in range(AT_ONCE):
            await held.enter_async_context(places.take(uuid4(), None, 20))


@asynccontextmanager
async def sending(service: Service, key: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Begins to send a roster, and gives the connection once the service reads it, which is with a place taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        f"PUT /activities/{uuid4()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/json\r\nContent-Length: {LENGTH}\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(20):
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
            yield reader, writer
    finally:
        writer.close()


def large() -> bytes:
    """Makes a body that wants a place among the large ones."""
    return b" " * (SMALL_BYTES + 1) + json.dumps(body()).encode()


async def items(service: Service) -> int:
    async with service.runtime.engine.connect() as conn:
        return int(await conn.scalar(sa.text("SELECT count(*) FROM roster_item")) or 0)


def be(service: Service, timeout: Timeouts) -> None:
    service.app.state.parts = replace(service.app.state.parts, timeout=timeout)


async def test_slow_senders_are_in_the_way_of_their_own_organisation_alone(service: Service) -> None:
    """With two large bodies of one organisation under way a third is 503; a small one is taken, and another's."""
    be(service, Timeouts(place=0.1))
    mine, other = await service.client("provision"), await service.client("provision", organisation=1)
    key = mine.headers["authorization"].removeprefix("Bearer ")
    async with sending(service, key), sending(service, key):
        third = await mine.put(f"/activities/{uuid4()}", content=large(), headers={"Content-Type": "application/json"})
        assert (third.status_code, third.headers["content-type"]) == (503, "application/problem+json")
        assert int(third.headers["retry-after"]) > 0
        assert (await mine.get("/activities")).json()["data"] == []
        assert (await mine.put(f"/activities/{uuid4()}", json=body())).status_code == 201
        headers = {"Content-Type": "application/json"}
        assert (await other.put(f"/activities/{uuid4()}", content=large(), headers=headers)).status_code == 201
    await all_free(service.app.state.parts.places)
    assert (await mine.put(f"/activities/{uuid4()}", json=body())).status_code == 201


@pytest.mark.parametrize("timeout", [Timeouts(silence=0.1), Timeouts(start=0.1), Timeouts(body=0.1)], ids=str)
async def test_a_sender_who_is_too_slow_is_408(service: Service, timeout: Timeouts) -> None:
    """Who falls silent, who is slower than the pace, who takes too long in all: the place is freed, nothing stored."""
    be(service, timeout)
    async with sending(service, await service.key("provision")) as (reader, writer):
        writer.write(OPENING)
        head = await reader.readuntil(b"\r\n\r\n")
    assert b" 408 " in head
    assert b"application/problem+json" in head
    await all_free(service.app.state.parts.places)
    assert await items(service) == 0


async def test_a_small_body_has_its_time_too(service: Service) -> None:
    be(service, Timeouts(small_body=0.1))
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        f"POST /activities/{uuid4()}/provision HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {await service.key('provision')}\r\nContent-Length: 100\r\n\r\n{{".encode()
    )
    async with asyncio.timeout(20):
        assert b"408" in await reader.readline()
    writer.close()


async def test_a_caller_who_leaves_leaves_nothing(service: Service) -> None:
    """A connection that breaks in the middle of a body stores nothing and frees its place."""
    async with sending(service, await service.key("provision")) as (_, writer):
        writer.write(OPENING)
        await writer.drain()
        writer.close()
        await all_free(service.app.state.parts.places)
    assert await items(service) == 0


@pytest.mark.parametrize(
    "rest", [b", {}" * 100, b"}", b', {"id": "x", "id": "y"}' * 50], ids=["a hundred problems", "no JSON", "doubled"]
)
async def test_what_ends_the_reading_is_answered_while_the_body_still_arrives(service: Service, rest: bytes) -> None:
    """The sender sees a whole answer before it has sent the rest, and its place is free."""
    async with sending(service, await service.key("provision")) as (reader, writer):
        writer.write(OPENING + rest)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 422 " in head
        assert b"connection: close" in head.lower()
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length is not None
        assert json.loads(await reader.readexactly(int(length[1])))["errors"]
        await all_free(service.app.state.parts.places)
        with suppress(ConnectionError):
            for _ in range(4):
                writer.write(b" " * 65536)
                await writer.drain()
            assert await reader.read() == b""
    assert await items(service) == 0


async def test_no_connection_is_held_while_a_sender_is_waited_for(service: Service) -> None:
    """Also when a part of the roster is stored already; when the sender leaves, that goes."""
    be(service, Timeouts(silence=5))
    pool = service.runtime.engine.pool
    async with sending(service, await service.key("provision")) as (_, writer):
        writer.write(OPENING)
        for n in range(1200):
            writer.write(b"," + json.dumps({"id": str(UUID(int=n))}).encode())
        await staged(service, 1000)
        assert pool.checkedout() == 0  # type: ignore[attr-defined]
        writer.close()
        await all_free(service.app.state.parts.places)
    await staged(service, 0)
    assert await items(service) == 0


async def test_when_postgres_crashes_in_the_middle_of_a_body_it_is_503(service: Service) -> None:
    """It has lost what was staged: nothing of the roster is stored, with one log line; the next one is."""
    client = await service.client("provision")
    with structlog.testing.capture_logs() as lines:
        async with sending(service, client.headers["authorization"].removeprefix("Bearer ")) as (reader, writer):
            rows = b"".join(b"," + json.dumps({"id": str(UUID(int=n))}).encode() for n in range(1200))
            writer.write(OPENING + rows)
            await staged(service, 1000)
            await execute(service, "TRUNCATE roster_staging")
            end = b"]}}"
            writer.write(b" " * (LENGTH - len(OPENING + rows + end)) + end)
            assert b"503" in await reader.readline()
    assert [line["event"] for line in lines if line["event"] != "request"] == ["database unavailable"]
    assert await items(service) == 0
    assert (await client.put(f"/activities/{uuid4()}", json=body())).status_code == 201


async def test_when_one_is_erased_who_is_arriving_the_roster_is_503(service: Service) -> None:
    """What is staged of the object goes at once, and the rest is not stored without it."""
    client, erased = await service.client("provision"), UUID(int=7)
    async with sending(service, client.headers["authorization"].removeprefix("Bearer ")) as (reader, writer):
        rows = b"".join(b"," + json.dumps({"id": str(UUID(int=n))}).encode() for n in range(1200))
        writer.write(OPENING + rows)
        await staged(service, 1000)
        async with service.runtime.engine.begin() as conn:
            await erase_objects(conn, service.organisations[1], "persons", [erased])
            await erase_objects(conn, service.organisations[0], "groups", [erased])
        await staged(service, 1000)
        async with service.runtime.engine.begin() as conn:
            await erase_objects(conn, service.organisations[0], "persons", [erased])
        await staged(service, 999)
        end = b"]}}"
        writer.write(b" " * (LENGTH - len(OPENING + rows + end)) + end)
        assert b"503" in await reader.readline()
    assert await items(service) == 0


async def execute(service: Service, statement: str) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(statement))


async def staged(service: Service, rows: int) -> None:
    """Waits until so many rows are staged."""
    async with asyncio.timeout(20):
        while True:
            async with service.runtime.engine.connect() as conn:
                if await conn.scalar(sa.text("SELECT count(*) FROM roster_staging")) == rows:
                    return
            await asyncio.sleep(0.01)
