"""Who may send a roster, for how long, and what becomes of those who are too many or too slow."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
import sqlalchemy as sa
import structlog

from app.api.intakes import AT_ONCE, AT_ONCE_EACH, Places, Timeouts
from app.api.problems import Busy
from tests.api.conftest import Service
from tests.api.factories import body, person

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
    """Its third roster finds none, although others find theirs."""
    places, mine = Places(), uuid4()
    async with AsyncExitStack() as held:
        for organisation in (mine, mine, uuid4(), uuid4()):
            await held.enter_async_context(places.take(organisation, 5))
        for organisation in (mine, uuid4()):
            with pytest.raises(Busy):
                await held.enter_async_context(places.take(organisation, 0.01))
    await all_free(places)


async def test_who_waits_gets_the_place_that_becomes_free() -> None:
    places, mine = Places(), uuid4()
    async with AsyncExitStack() as held:
        for _ in range(AT_ONCE_EACH):
            await held.enter_async_context(places.take(mine, 5))
        waiting = asyncio.create_task(held_once(places, mine))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def held_once(places: Places, organisation: object) -> None:
    async with places.take(organisation, 5):  # type: ignore[arg-type]
        pass


async def all_free(places: Places) -> None:
    """Waits until every place can be had."""
    async with AsyncExitStack() as held:
        for _ in range(AT_ONCE):
            await held.enter_async_context(places.take(uuid4(), 20))


@asynccontextmanager
async def sending(service: Service, key: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Begins to send a roster, and gives the connection once the service reads it, which is with a place taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        f"PUT /activities/{uuid4()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nExpect: 100-continue\r\n"
        "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(20):
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
            yield reader, writer
    finally:
        writer.close()


async def items(service: Service) -> int:
    async with service.runtime.engine.connect() as conn:
        return int(await conn.scalar(sa.text("SELECT count(*) FROM roster_item")) or 0)


def be(service: Service, timeout: Timeouts) -> None:
    service.app.state.parts = replace(service.app.state.parts, timeout=timeout)


async def test_slow_senders_are_in_the_way_of_their_own_organisation_alone(service: Service) -> None:
    """With two bodies of one organisation under way a third is 503 and stored nowhere; another's is taken."""
    be(service, Timeouts(place=0.1))
    mine, other = await service.client("provision"), await service.client("provision", organisation=1)
    key = mine.headers["authorization"].removeprefix("Bearer ")
    async with sending(service, key), sending(service, key):
        third = await mine.put(f"/activities/{uuid4()}", json=body([person(serial=980 + n) for n in range(20)]))
        assert (third.status_code, third.headers["content-type"]) == (503, "application/problem+json")
        assert int(third.headers["retry-after"]) > 0
        assert (await mine.get("/activities")).json()["data"] == []
        assert (await other.put(f"/activities/{uuid4()}", json=body())).status_code == 201
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


async def test_when_postgres_goes_in_the_middle_of_a_body_it_is_503(service: Service) -> None:
    """The connection's end is a problem with one log line; the next roster is stored."""
    client = await service.client("provision")
    with structlog.testing.capture_logs() as lines:
        async with sending(service, client.headers["authorization"].removeprefix("Bearer ")) as (reader, writer):
            writer.write(OPENING)
            await ended(service)
            writer.write(b" " * (100_000 - len(OPENING)))
            assert b"503" in await reader.readline()
    assert [line["event"] for line in lines] == ["database unavailable"]
    assert (await client.put(f"/activities/{uuid4()}", json=body())).status_code == 201


async def ended(service: Service) -> None:
    """Ends the connection that copies, as soon as there is one."""
    copying = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'COPY%' AND pid <> pg_backend_pid()"
    )
    while True:
        async with service.runtime.engine.connect() as conn:
            if (await conn.execute(copying)).all():
                return
