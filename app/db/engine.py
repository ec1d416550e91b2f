"""The connection to Postgres: one engine a process, short transactions, the server's clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.crash_points import passing

MIGRATION_HEAD = "0001"


def connect(url: str, *, pool: int = 10, name: str = "provkedja", idle_limit: float | None = None) -> AsyncEngine:
    """Makes an engine of at most `pool` connections; nothing is opened before the first use.

    A session that leaves a transaction lying for `idle_limit` seconds is ended by the server, with its locks: whoever
    has it has been stopped or cut off.
    """
    # With old statistics a page of records is thought to cost several hundred thousand, and takes a few milliseconds:
    # less than it takes to compile anything.
    options = "-c jit=off"
    if idle_limit is not None:
        options += f" -c idle_in_transaction_session_timeout={idle_limit:g}s"
    return create_async_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=20,
        pool_pre_ping=True,
        hide_parameters=True,
        # The guards look at what others have committed: a snapshot from before would hide it from them.
        isolation_level="READ COMMITTED",
        connect_args={
            "application_name": name,
            "connect_timeout": 5,
            "prepare_threshold": 5,
            "options": options,
            # A server that has gone silent, after a failover or behind a network that forgot us, is away as well.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        },
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine, name: str) -> AsyncIterator[AsyncConnection]:
    """Begins a transaction that is committed at its end; its name is that of its crash points."""
    async with engine.begin() as conn:
        yield conn
        passing(f"before_commit:{name}")
    passing(f"after_commit:{name}")


@asynccontextmanager
async def statement(engine: AsyncEngine, name: str) -> AsyncIterator[AsyncConnection]:
    """Lends a connection whose statements commit by themselves: for rows that everybody waits for.

    No lock of it lasts from one round trip to the next, so that a process that is stopped on the way holds up nobody.
    """
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        passing(f"before_commit:{name}")
        yield conn
    passing(f"after_commit:{name}")


async def migrated(engine: AsyncEngine) -> bool:
    """Tells whether the database has the tables that this code was written for, or later ones.

    A migration takes nothing away that the version before still needs, so that both can run side by side.
    """
    async with engine.connect() as conn:
        if await conn.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
            return False
        found: str | None = await conn.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return found is not None and found >= MIGRATION_HEAD
