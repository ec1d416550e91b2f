"""Rows of a roster that arrives: collected, and copied into `roster_staging` piece by piece.

Each piece has a short transaction of its own, so that no connection is held while the sender is waited for; the last
one is copied where the roster is taken in. What a process that died has left is forgotten an hour later.
"""

import asyncio
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.acting import on_behalf_of
from app.db.engine import transaction
from app.db.loop_share import LoopShare
from app.domain.kinds import Kind

# What a piece has at most; a small roster is one piece, and staged nowhere but where it is taken in.
_MOST_ROWS: Final = 1000
_MOST_BYTES: Final = 1024 * 1024

_STAYS: Final = bytes(32)

# A range is taken to be narrow: of how many rosters there were, old statistics know too little.
STAGED: Final = "roster_id BETWEEN :roster AND :roster"

Row = tuple[Any, ...]


class RosterDigest:
    """What all objects of a roster are, in the order of each list, as one digest of their keyed digests."""

    def __init__(self) -> None:
        self._lists = {kind.value: sha256() for kind in Kind}

    def add(self, kind: str, source: bytes, outgoing: bytes | None) -> None:
        """Adds the next object of a list: as it came, and as it would be sent, None where it stays here."""
        self._lists[kind].update(source + (outgoing or _STAYS))

    def value(self) -> bytes:
        """Gives the digest of what has been added."""
        return sha256(b"".join(each.digest() for each in self._lists.values())).digest()


class Staging:
    """The rows of one roster; `columns` of the table are names and types in the order of a row."""

    def __init__(self, engine: AsyncEngine, share: LoopShare, organisation_id: UUID, columns: dict[str, str]) -> None:
        self.roster_id = uuid4()
        self._engine, self._share, self._organisation_id = engine, share, organisation_id
        self._copy = f"COPY roster_staging ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        self._types = list(columns.values())
        self._rows: list[Row] = []
        self._bytes = self._staged = 0
        self._is_staged = False
        self._storing: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Tells whether the collected rows make a piece."""
        return len(self._rows) >= _MOST_ROWS or self._bytes >= _MOST_BYTES

    def collect(self, row: Row, size: int) -> None:
        """Takes a row whose content has so many bytes."""
        self._rows.append(row)
        self._bytes += size

    async def store_piece(self) -> None:
        """Copies what has been collected, in a transaction of its own, while the next piece is being collected.

        Raises what the piece before has raised.
        """
        await self.stored()
        rows, self._rows, self._bytes, self._is_staged = self._rows, [], 0, True
        self._storing = asyncio.create_task(self._store(rows))

    async def store_rest(self, conn: AsyncConnection) -> None:
        """Copies what has been collected last, when all pieces are stored."""
        await self._copy_rows(conn, self._rows)

    async def check_whole(self, conn: AsyncConnection) -> None:
        """Raises psycopg's OperationalError when something that was stored has gone.

        The table is not logged: a server that crashes empties it, and a standby never had it. And an object may have
        been erased meanwhile.
        """
        if self._staged:
            count = sa.text(f"SELECT count(*) FROM staged WHERE {STAGED}")  # noqa: S608 - a constant of ours
            if await conn.scalar(count, {"roster": self.roster_id}) != self._staged + len(self._rows):
                raise psycopg.OperationalError("what was staged has gone")

    async def _store(self, rows: list[Row]) -> None:
        async with (
            self._share.connections.take(self._organisation_id),
            transaction(self._engine, "stage_roster") as conn,
        ):
            await self._copy_rows(conn, rows)
        self._staged += len(rows)

    async def stored(self) -> None:
        """Waits until no piece is being stored any more; raises what that has raised."""
        if self._storing is not None:
            await self._storing
            self._storing = None

    async def _copy_rows(self, conn: AsyncConnection, rows: list[Row]) -> None:
        driver = (await conn.get_raw_connection()).driver_connection
        assert isinstance(driver, psycopg.AsyncConnection)  # noqa: S101 - the engine's URL says so
        async with driver.cursor() as cursor, cursor.copy(self._copy) as copy, self._share:
            copy.set_types(self._types)
            for row in rows:
                await copy.write_row(row)
                await self._share.rest()

    async def forget(self) -> None:
        """Deletes the pieces that were stored, of a roster that is not taken in."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
        if self._is_staged:
            async with self._share.connections.take(self._organisation_id), self._engine.begin() as conn:
                on_behalf_of(conn, self._organisation_id)
                await conn.execute(
                    sa.text(f"DELETE FROM staged WHERE {STAGED}"),  # noqa: S608 - a constant of ours
                    {"roster": self.roster_id},
                )
            self._is_staged = False


async def forget_staged(conn: AsyncConnection) -> None:
    """Deletes what was staged more than an hour ago; an upload that is still under way then fails as a whole."""
    await conn.execute(sa.text("DELETE FROM roster_staging WHERE staged_at < clock_timestamp() - interval '1 hour'"))
