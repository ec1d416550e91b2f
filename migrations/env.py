"""Alembic's entry: takes the connection that the caller put in its config, or the URL of the settings.

Old and new processes work while it runs: one migration at a time, each in a transaction of its own, and none that waits
long for a lock, since everybody who comes after would wait behind it.
"""

import time

import sqlalchemy as sa
import structlog
from alembic import context
from psycopg.errors import DeadlockDetected, LockNotAvailable

from app.db.engine import VERSION_TABLE, connect_blocking
from app.db.migration_lock import migrating_alone
from app.db.schema import metadata
from app.errors import Stopped
from app.secret_files import with_secrets
from app.settings import Settings

_LOCK_SECONDS, _PAUSE_SECONDS, _TRIES = 2, 1, 20

log = structlog.get_logger("migrations")


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_beside_others(engine: sa.Engine) -> None:
    with migrating_alone(engine), engine.connect() as connection:
        # Said in each transaction: a pooler may give each of them another session.
        sa.event.listen(connection, "begin", _wait_not_long)
        _run(connection)


def _wait_not_long(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")


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
    made = connect_blocking(with_secrets(Settings()).database_url.get_secret_value(), name="provkedja migrate")
    try:
        _until_free(made)
    finally:
        made.dispose()
