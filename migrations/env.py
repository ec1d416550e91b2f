"""Alembic's entry: takes the connection that the caller put in its config, or the URL of the settings.

Old and new processes work while it runs: one migration at a time, each in a transaction of its own, and none that waits
long for a lock, since everybody who comes after would wait behind it.
"""

import time

import sqlalchemy as sa
import structlog
from alembic import context
from psycopg.errors import DeadlockDetected, LockNotAvailable

from app.db.schema import metadata
from app.errors import Stopped
from app.settings import Settings

_LOCK_SECONDS, _PAUSE_SECONDS, _TRIES = 2, 1, 20
# Any number will do that no other program takes in the same database.
_ONE_AT_A_TIME = 5_015_004

log = structlog.get_logger("migrations")


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, compare_server_default=False, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_beside_others(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        # Asked for again and again: an index that is made beside others would wait for one that waits here.
        while not connection.scalar(sa.text(f"SELECT pg_try_advisory_lock({_ONE_AT_A_TIME})")):
            connection.commit()
            log.warning("another migration is under way: this one waits for its end")
            time.sleep(_PAUSE_SECONDS)
        connection.execute(sa.text(f"SET lock_timeout = '{_LOCK_SECONDS}s'"))
        connection.commit()
        _run(connection)


def _until_free(engine: sa.Engine) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            return _run_beside_others(engine)
        except sa.exc.OperationalError as problem:
            if not isinstance(problem.orig, (LockNotAvailable, DeadlockDetected)):
                raise
        log.warning("a table is in use: the migration is tried again", tries_left=tries_left)
        time.sleep(_PAUSE_SECONDS)
    raise Stopped(
        "a transaction holds a table that the migration has to change, and does not end: `python -m app doctor` names"
        " its session. End it, then migrate again; nothing of the version that could not be applied has been kept"
    )


if (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    made = sa.create_engine(Settings().sqlalchemy_url)
    try:
        _until_free(made)
    finally:
        made.dispose()
