"""The connection to Postgres: whoever connects, by an engine or by hand, does so here; the server's clock counts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
import sqlalchemy as sa
from psycopg import errors as postgres
from psycopg.types.array import ListBinaryDumper
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.crash_points import passing
from app.db.acting import ActingConnection, Everybody, acting_connection, on_behalf_of
from app.db.address import PINNED, session_parameters
from app.db.outages import outage_of, session_outage

MIGRATION_HEAD = "0001"
VERSION_TABLE = "provkedja_version"

_DIALECT = "postgresql+psycopg://"
_CHECKED_WITHIN = 10.0
_RESTED = 1.0
_RETURNED_WITHIN = 2.0
_FOUND = """
    SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name
    UNION ALL SELECT 'in_recovery', pg_is_in_recovery()::text
"""
# A server that turned read-only, as one that was demoted does, is left: the next connection looks for another one.
_LEAVE = (postgres.ReadOnlySqlTransaction, postgres.AdminShutdown, postgres.CrashShutdown, postgres.CannotConnectNow)


def connect(
    url: str,
    *,
    pool: int = 10,
    name: str = "provkedja",
    idle_limit: float | None = None,
    prepare: bool = False,
    acting: Everybody | None = None,
) -> AsyncEngine:
    """Makes an engine of at most `pool` connections; nothing is opened before the first use.

    A session that leaves a transaction lying for `idle_limit` seconds is ended by the server, with its locks: whoever
    has it has been stopped or cut off. Statements are prepared with `prepare` alone: a pooler that gives each
    transaction another session cannot have it. Connections act for nobody until it is said, or for all that `acting`
    says. Raises DatabaseUnusable for a `url` that is no address.
    """
    arguments = _engine_arguments(url, name, idle_limit, prepare=prepare)
    arguments["connect_args"]["async_creator_fn"] = ActingConnection.connect
    engine = create_async_engine(_DIALECT, pool_size=pool, max_overflow=0, **arguments)
    sa.event.listen(engine.sync_engine, "connect", _send_lists_in_binary)
    sa.event.listen(engine.sync_engine, "handle_error", _leave_a_server_that_only_reads)
    sa.event.listen(engine.sync_engine, "checkout", _ping_after_a_rest(engine.sync_engine, acting))
    sa.event.listen(engine.sync_engine, "checkin", _note_its_return)
    return engine


async def close(engine: AsyncEngine) -> None:
    """Closes the connections; those in use have a moment to come back.

    What was begun beside all else may have one still, and would lose it when its loop ends first.
    """
    deadline = time.monotonic() + _RETURNED_WITHIN
    pool = engine.sync_engine.pool
    while isinstance(pool, sa.QueuePool) and pool.checkedout() > 0 and time.monotonic() < deadline:  # noqa: ASYNC110 - a pool tells nobody
        await asyncio.sleep(0.01)
    await engine.dispose()


def connect_blocking(url: str, *, name: str) -> sa.Engine:
    """Makes an engine for a program that does one thing after the other: migrations."""
    return sa.create_engine(_DIALECT, **_engine_arguments(url, name, None, prepare=False))


async def open_session(url: str, *, name: str) -> ActingConnection:
    """Opens a session by hand, whose statements commit by themselves; raises DatabaseUnusable or psycopg's errors."""
    return await ActingConnection.connect(
        "",
        autocommit=True,
        prepare_threshold=None,
        **session_parameters(url, name),  # type: ignore[arg-type]
    )


def _engine_arguments(url: str, name: str, idle_limit: float | None, *, prepare: bool) -> dict[str, Any]:
    parameters = session_parameters(url, name, idle_limit)
    return {
        "pool_timeout": 20,
        # The one that was of use last knows the statements best, and those of a busy moment go idle.
        "pool_use_lifo": True,
        "hide_parameters": True,
        # Said with each transaction too, for a pooler between us and the server that drops the setting.
        "isolation_level": "READ COMMITTED",
        "connect_args": {**parameters, "prepare_threshold": 5 if prepare else None},
    }


def _send_lists_in_binary(connection: Any, _: Any) -> None:
    """Has lists sent as they are: as text, each of a batch's 500 contents would be searched and escaped twice."""
    connection.driver_connection.adapters.register_dumper(list, ListBinaryDumper)


def _leave_a_server_that_only_reads(context: sa.engine.ExceptionContext) -> None:
    if isinstance(context.original_exception, _LEAVE):
        context.is_disconnect = True


def _ping_after_a_rest(engine: sa.Engine, acting: Everybody | None) -> Callable[[Any, Any, Any], None]:
    """Makes what asks a connection that has rested whether it lives, and has the pool leave those that do not.

    One that was of use a moment ago is not asked: that would be a round trip more for each of a row of transactions.
    """

    def ping(connection: Any, record: Any, _: Any) -> None:
        connection.driver_connection.acting = None
        returned_at = record.info.get("returned_at")
        if returned_at is not None and time.monotonic() - returned_at > _RESTED:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error:
                raise sa.exc.InvalidatePoolError from None
        connection.driver_connection.acting = acting

    return ping


def _note_its_return(connection: Any, record: Any) -> None:
    if connection is not None:
        record.info["returned_at"] = time.monotonic()
    # After a snapshot SQLAlchemy asks for transactions that write, also of a database that is told to read only.
    if connection is not None and not connection.closed:
        connection.set_read_only(None)


async def check(url: str, *, name: str = "provkedja start") -> None:
    """Looks whether the database can be used: reached, of a version and an encoding that will do, and writable.

    Raises DatabaseUnusable, which says in a sentence what is wrong, and never the address.
    """
    names = ["server_version_num", "server_encoding", "transaction_read_only", *PINNED]
    try:
        async with asyncio.timeout(_CHECKED_WITHIN), await open_session(url, name=name) as conn:
            rows = await (await conn.execute(_FOUND, [names])).fetchall()
    except (psycopg.Error, OSError, TimeoutError) as problem:
        raise outage_of(problem) from None
    if unusable := session_outage(dict(rows), PINNED):
        raise unusable


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, name: str, *, of: UUID | Everybody | None = None
) -> AsyncIterator[AsyncConnection]:
    """Begins a transaction that is committed at its end; its name is that of its crash points.

    Its statements are on behalf `of` an organisation, or of all; without, its functions say so themselves.
    """
    async with engine.begin() as conn:
        if of is not None:
            on_behalf_of(conn, of)
        yield conn
        passing(f"before_commit:{name}")
    passing(f"after_commit:{name}")


@asynccontextmanager
async def statement(
    engine: AsyncEngine, name: str, *, of: UUID | Everybody | None = None
) -> AsyncIterator[AsyncConnection]:
    """Lends a connection whose statements commit by themselves: for rows that everybody waits for.

    No lock of it lasts from one round trip to the next, so that a process that is stopped on the way holds up nobody.
    `of` is as in a transaction.
    """
    async with by_themselves(engine).connect() as conn:
        if of is not None:
            on_behalf_of(conn, of)
        passing(f"before_commit:{name}")
        yield conn
    passing(f"after_commit:{name}")


# To make one takes as long as a short statement.
_THEMSELVES: WeakKeyDictionary[AsyncEngine, AsyncEngine] = WeakKeyDictionary()


def by_themselves(engine: AsyncEngine) -> AsyncEngine:
    """Gives the engine, on the same pool, whose statements commit by themselves."""
    if (found := _THEMSELVES.get(engine)) is None:
        found = _THEMSELVES[engine] = engine.execution_options(isolation_level="AUTOCOMMIT")
    return found


async def call(conn: AsyncConnection, statement: str, values: Mapping[str, Any]) -> None:
    """Calls a function that says itself for whom it acts, by the driver alone: SQLAlchemy takes as long as the call.

    `statement` has the driver's placeholders for `values`. Raises psycopg's errors.
    """
    driver = acting_connection(conn)
    try:
        await driver.execute(statement, values)
    except psycopg.Error as problem:
        if driver.closed or isinstance(problem, _LEAVE):
            await conn.invalidate()
        raise


async def migrated(conn: AsyncConnection) -> bool:
    """Tells whether the database has the tables that this code was written for, or later ones.

    A migration takes nothing away that the version before still needs, so that both can run side by side.
    """
    if await conn.scalar(sa.text(f"SELECT to_regclass('{VERSION_TABLE}')")) is None:
        return False
    found: str | None = await conn.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return found is not None and found >= MIGRATION_HEAD
