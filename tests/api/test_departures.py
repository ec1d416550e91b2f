"""Whoever hangs up reads no more: its statement is gone from Postgres. What writes is finished all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest

from tests.api.conftest import Service
from tests.api.factories import body, put
from tests.api.observing import until

Looking = psycopg.Connection[Any]

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'
    AND application_name NOT LIKE '%watcher%'
"""


@asynccontextmanager
async def locked(service: Service, table: str) -> AsyncIterator[Looking]:
    """Keeps everybody else waiting for a table meanwhile, and lends a connection that sees who waits."""
    address = service.runtime.settings.database_url.get_secret_value()
    with psycopg.connect(address) as locking, psycopg.connect(address, autocommit=True) as looking:
        locking.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield looking
        locking.rollback()


def waiting(looking: Looking) -> int:
    """Gives how many statements wait for a lock."""
    row = looking.execute(_WAITING).fetchone()
    assert row is not None
    return int(row[0])


async def hung_up(service: Service, client: httpx.AsyncClient, asks: str, content: str, looking: Looking) -> None:
    """Asks, waits until Postgres is at it, and closes the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    head = f"{asks} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
    body_ = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
    writer.write(f"{head}{body_}\r\n{content}".encode())
    await until(lambda: waiting(looking) == 1)
    writer.close()


@pytest.mark.parametrize(
    ("asks", "content", "table"),
    [("GET /jobs", "", "job"), ("POST /objects/search", '{"q": "Anna"}', "object")],
    ids=["jobs", "search"],
)
async def test_a_statement_ends_when_the_client_hangs_up(service: Service, asks: str, content: str, table: str) -> None:
    """While it still waits for its rows; the service goes on with others."""
    client = await service.client("history", "pii", "provision")
    await put(client, body())
    async with locked(service, table) as looking:
        await hung_up(service, client, asks, content, looking)
        await until(lambda: waiting(looking) == 0, within=10)
    assert (await client.get("/runs")).status_code == 200


async def test_what_changes_something_is_finished_although_the_client_has_hung_up(service: Service) -> None:
    client = await service.client("history", "provision")
    activity_id = await put(client, body())
    async with locked(service, "job") as looking:
        await hung_up(service, client, f"POST /activities/{activity_id}/provision", "{}", looking)
        # Long enough for whatever would have ended it.
        await asyncio.sleep(0.5)
    async with asyncio.timeout(20):
        while not (await client.get("/runs")).json()["data"]:  # noqa: ASYNC110 - the request has nobody to tell
            await asyncio.sleep(0.05)
