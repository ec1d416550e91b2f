"""What a service does unseen: the statements that it sends; and what others do beside it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import sqlalchemy as sa

from app.db import runs
from app.db.engine import connect
from tests.api.conftest import Service


async def until(happened: Callable[[], bool], within: float = 20.0) -> None:
    """Waits for something to be so."""
    async with asyncio.timeout(within):
        while not happened():  # noqa: ASYNC110 - what happens is Postgres's doing, and nobody says it
            await asyncio.sleep(0.01)


@contextmanager
def counted(service: Service) -> Iterator[list[str]]:
    """Notes each statement that goes out on the service's engine."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = service.served.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def cancelled_elsewhere(service: Service, run_id: UUID) -> None:
    """Has another process cancel a run of the first organisation: nothing of this one has a part in it."""
    engine = connect(service.runtime.settings.database_url.get_secret_value(), pool=1)
    async with engine.begin() as conn:
        await runs.cancel_run(conn, service.organisations[0], run_id)
    await engine.dispose()


def end_watchers(conn: psycopg.Connection) -> None:
    """Ends the sessions of those who watch this database."""
    ended = conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'provkedja watcher' AND datname = current_database()"
    )
    assert ended.fetchall(), "nobody watches"


async def refuse(*_: object, **__: object) -> None:
    """Opens no session."""
    raise OSError
