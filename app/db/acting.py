"""For whom a connection acts: what the policies of row-level security go by (`access`).

Functions of the database that are given an organisation say so themselves (`act_for`). Whoever sends a statement of
their own says it with `on_behalf_of`; it goes out with the statement, in the same round trip, and holds for its
transaction alone. A connection that acts for nobody sees no row of any organisation.
"""

from typing import Any, Final, Literal
from uuid import UUID

import psycopg
from psycopg import pq
from sqlalchemy.ext.asyncio import AsyncConnection

Everybody = Literal["everybody"]
# The queues of all organisations, and what operators see: never what is in a roster, but for the workers.
EVERYBODY: Final[Everybody] = "everybody"

_SAY = "SELECT set_config('provkedja.organisation', %s, true)"


class ActingCursor(psycopg.AsyncCursor[Any]):
    """A cursor whose statements say before all else for whom their connection acts."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> "ActingCursor":
        """Executes one statement, after saying for whom where that has not been said in this transaction."""
        connection = self._conn
        if not isinstance(connection, ActingConnection) or (who := connection.unsaid()) is None:
            await super().execute(query, params, **options)
            return self
        # One round trip for both, and for a BEGIN before them.
        async with connection.pipeline():
            await psycopg.AsyncCursor(connection).execute(_SAY, [who])
            await super().execute(query, params, **options)
        connection.said = who
        return self


class ActingConnection(psycopg.AsyncConnection[Any]):
    """A connection that knows for whom it acts, None for nobody."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_factory = ActingCursor
        self.acting: str | None = None
        # What this transaction has said last.
        self.said: str | None = None

    async def commit(self) -> None:
        """Commits, with which what has been said ends."""
        self.said = None
        await super().commit()

    async def rollback(self) -> None:
        """Rolls back, with which what has been said ends."""
        self.said = None
        await super().rollback()

    def unsaid(self) -> str | None:
        """Gives for whom the next statement is, None where that need not be said."""
        status = self.pgconn.transaction_status
        if status == pq.TransactionStatus.INERROR:
            # It takes nothing but its end, or that of a part; what was said in that part may be undone with it.
            self.said = None
            return None
        return None if status == pq.TransactionStatus.INTRANS and self.said == self.acting else self.acting


def on_behalf_of(conn: AsyncConnection, who: UUID | Everybody) -> None:
    """Has this connection act for an organisation, or for all, until it is given back; sends nothing by itself."""
    acting_connection(conn).acting = str(who)


def acting_connection(conn: AsyncConnection) -> ActingConnection:
    """Gives the driver's connection behind one of an engine of `engine.connect`."""
    driver = conn.sync_connection and conn.sync_connection.connection.driver_connection
    assert isinstance(driver, ActingConnection)  # noqa: S101 - the engine makes no others
    return driver
