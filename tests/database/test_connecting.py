"""What keeps a process from the database is said in one sentence, on real servers where these can be had."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors, sql
from sqlalchemy.ext.asyncio import AsyncEngine

from app.catalogue import catalogue
from app.db.address import PINNED
from app.db.engine import check, close, connect
from app.db.outages import DatabaseUnusable
from app.local.environment import new_keys
from app.local.server import free_port
from tests.conftest import Spawn

PASSWORD = "so geheim"


@dataclass(frozen=True)
class Place:
    """A database of a test's own, and a role that may log in to it."""

    url: str
    name: str
    role: str

    def address(self, **changed: str) -> str:
        """The role's address of it, with other parts."""
        parts = urlsplit(self.url)
        given = {"host": str(parts.hostname), "port": str(parts.port), "user": self.role, "password": PASSWORD}
        return psycopg.conninfo.make_conninfo("", **(given | {"dbname": self.name} | changed))

    def do(self, statement: str) -> None:
        """Runs a statement about `{role}` or `{database}` as the servers' owner."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL(statement).format(role=sql.Identifier(self.role), database=sql.Identifier(self.name))
            )


@pytest.fixture
def place(database_url: str) -> Iterator[Place]:
    name = urlsplit(database_url).path.removeprefix("/")
    made = Place(database_url, name, f"role_{name}")
    made.do(f"CREATE ROLE {{role}} LOGIN PASSWORD '{PASSWORD}'")
    try:
        yield made
    finally:
        made.do("DROP OWNED BY {role}")
        made.do("DROP ROLE {role}")


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """A server that gives each connection these answers, one for each thing that it is sent, and is silent then."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        for each in answers:
            await reader.read(4096)
            writer.write(each)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


async def code_of(address: str) -> str | None:
    """The code of what is wrong with a database, whose sentence holds nothing of its address."""
    try:
        await check(address)
    except DatabaseUnusable as unusable:
        said = str(unusable)
        assert not [secret for secret in (PASSWORD, "nothing", "127.0.0.1", "role_") if secret in said]
        return unusable.code
    return None


async def test_a_database_that_can_be_used(place: Place) -> None:
    assert await code_of(place.address()) is None


async def test_wrong_addresses(place: Place, tmp_path: Path) -> None:
    port = str(free_port())
    assert await code_of(place.address(password="guess")) == "database_login"
    assert await code_of(place.address(user="nobody")) == "database_login"
    assert await code_of(place.address(dbname="nothing")) == "database_missing"
    assert await code_of(place.address(port=port)) == "database_refused"
    assert await code_of(place.address(host=str(tmp_path))) == "database_refused"
    assert await code_of(place.address(host="nothing.invalid")) == "database_host"
    assert await code_of(place.address(sslmode="require")) == "database_tls_refused"
    assert await code_of(place.address(options="-c nothing=1")) == "database_address"
    assert await code_of(place.address(target_session_attrs="standby")) == "database_standby"
    two = place.address(host="127.0.0.1,127.0.0.1", port=f"{port},{urlsplit(place.url).port}")
    assert await code_of(two) is None
    assert await code_of(f"{two} target_session_attrs=read-write") is None


async def test_a_database_that_may_not_be_used(place: Place) -> None:
    place.do("ALTER ROLE {role} CONNECTION LIMIT 0")
    assert await code_of(place.address()) == "database_connections"
    place.do("ALTER ROLE {role} CONNECTION LIMIT -1")
    place.do("ALTER ROLE {role} SET default_transaction_read_only = on")
    assert await code_of(place.address()) == "database_read_only"
    place.do("ALTER ROLE {role} NOLOGIN")
    assert await code_of(place.address()) == "database_login"
    place.do("REVOKE CONNECT ON DATABASE {database} FROM public")
    place.do("ALTER ROLE {role} LOGIN")
    assert await code_of(place.address()) == "database_not_allowed"


async def test_a_database_of_another_encoding(place: Place) -> None:
    other = f"{place.name}_ascii"
    place.do(f"CREATE DATABASE {other} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'")
    try:
        assert await code_of(place.address(dbname=other)) == "database_encoding"
    finally:
        place.do(f"DROP DATABASE {other} WITH (FORCE)")


async def test_what_is_no_postgres_is_silent_or_is_stopping(place: Place) -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert await code_of(f"host=127.0.0.1 port={port}") == "database_protocol"
    async with answering() as port:
        assert await code_of(f"host=127.0.0.1 port={port} connect_timeout=2") == "database_timeout"
    stopping = message(b"E", b"SFATAL\0VFATAL\0C57P03\0Mthe database system is shutting down\0\0")
    async with answering(b"N", stopping) as port:
        assert await code_of(f"host=127.0.0.1 port={port}") == "database_starting"


async def test_sessions_have_what_the_code_relies_on(place: Place) -> None:
    """Whatever the database, the role and the address say; what else the address says holds."""
    place.do("ALTER ROLE {role} SET IntervalStyle = 'sql_standard'")
    place.do("ALTER DATABASE {database} SET DateStyle = 'German'")
    place.do("ALTER ROLE {role} SET TimeZone = 'Europe/Stockholm'")
    place.do("ALTER ROLE {role} SET default_transaction_isolation = 'serializable'")
    address = place.address(options="-c standard_conforming_strings=off -c work_mem=5MB", client_encoding="LATIN1")
    assert await code_of(address) is None
    engine = connect(address, pool=1, name="provkedja test", idle_limit=7)
    names = [*PINNED, "work_mem", "application_name", "idle_in_transaction_session_timeout"]
    try:
        async with engine.connect() as conn:
            found = await conn.execute(
                sa.text("SELECT name, current_setting(name) FROM unnest(CAST(:names AS text[])) AS name"),
                {"names": names},
            )
            assert {row[0]: row[1] for row in found} == PINNED | {
                "work_mem": "5MB",
                "application_name": "provkedja test",
                "idle_in_transaction_session_timeout": "7s",
            }
    finally:
        await close(engine)


async def test_settings_that_the_environment_changes_are_noticed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq sends some variables behind all else."""
    monkeypatch.setenv("PGTZ", "Europe/Stockholm")
    assert await code_of(place.address()) == "database_settings"


@pytest.mark.parametrize("prepare", [False, True])
async def test_statements_are_prepared_on_request_alone(place: Place, prepare: bool) -> None:
    engine = connect(place.address(), pool=1, prepare=prepare)
    try:
        async with engine.connect() as conn:
            for _ in range(20):
                await conn.execute(sa.text("SELECT CAST(:n AS int)"), {"n": 1})
            count = await conn.scalar(sa.text("SELECT count(*) FROM pg_prepared_statements"))
        assert (count > 0) == prepare
    finally:
        await close(engine)


@pytest.fixture
async def one(place: Place) -> AsyncIterator[AsyncEngine]:
    engine = connect(place.address(), pool=1)
    yield engine
    await close(engine)


async def test_a_server_that_turned_read_only_is_left(one: AsyncEngine) -> None:
    """Its successor may be another of the hosts in the address."""
    pid = sa.text("SELECT pg_backend_pid()")
    async with one.connect() as conn:
        before = await conn.scalar(pid)
    async with one.connect() as conn:
        await conn.execute(sa.text("SET TRANSACTION READ ONLY"))
        with pytest.raises(sa.exc.InternalError) as refused:
            await conn.execute(sa.text("CREATE TABLE nothing ()"))
    assert isinstance(refused.value.orig, errors.ReadOnlySqlTransaction)
    async with one.connect() as conn:
        assert await conn.scalar(pid) != before


VERBS = [
    ("serve", "--port", "0"),
    ("worker",),
    ("migrate",),
    ("organisations", "list"),
    ("keys", "list"),
    ("open-data",),
    ("health",),
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_every_verb_says_one_sentence(place: Place, spawn: Spawn, verb: tuple[str, ...]) -> None:
    env = {**os.environ, **new_keys(), "DATABASE_URL": place.address(password="guess")}
    child = spawn(*verb, env=env, ready=False)
    assert child.process.wait(30) == 1
    # Processes that stay say first what they go by.
    said = [line for line in child.log.read_text().splitlines() if '"event": "process starts"' not in line]
    assert said == [f"provkedja: {catalogue().troubles['database_login'].en.means}"]


async def test_who_closes_waits_for_a_connection_that_is_in_use(place: Place) -> None:
    """What was begun beside all else, and is about to end, loses nothing to a loop that ends first."""
    engine, taken, enough = connect(place.address(), pool=1), asyncio.Event(), asyncio.Event()
    pool = engine.sync_engine.pool
    assert isinstance(pool, sa.QueuePool)

    async def use() -> None:
        async with engine.connect() as conn:
            await conn.execute(sa.text("SELECT 1"))
            taken.set()
            await enough.wait()

    using = asyncio.create_task(use())
    await taken.wait()
    closing = asyncio.create_task(close(engine))
    await asyncio.sleep(0)
    assert (closing.done(), pool.checkedout()) == (False, 1)
    enough.set()
    await closing
    assert pool.checkedout() == 0
    await using
