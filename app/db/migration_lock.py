"""One migration at a time, whoever starts several: a lock of a transaction, which a pooler keeps together."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import structlog

from app.errors import Stopped

# Any number will do that no other program takes in the same database.
_ONE_AT_A_TIME = 5_015_004
# A migration changes tables and makes indexes beside those who write; one that takes longer is for a person to look at.
_WAIT_SECONDS, _PAUSE_SECONDS = 300.0, 1.0

log = structlog.get_logger("migrations")


@contextmanager
def migrating_alone(engine: sa.Engine, wait: float = _WAIT_SECONDS, pause: float = _PAUSE_SECONDS) -> Iterator[None]:
    """Holds the right to migrate; raises Stopped when another one has not ended within `wait` seconds.

    It is asked for anew every `pause` seconds.
    """
    deadline = time.monotonic() + wait
    with engine.connect() as at_target:
        # Asked for again and again: an index that is made beside others would wait for a transaction that waits here.
        while not at_target.scalar(sa.text(f"SELECT pg_try_advisory_xact_lock({_ONE_AT_A_TIME})")):
            at_target.rollback()
            if time.monotonic() >= deadline:
                raise Stopped(
                    f"another migration has been under way for {wait:g} s: `python -m app doctor` names sessions that"
                    " stand still. End it or wait for it, then migrate again; nothing was changed by this one"
                )
            log.warning("another migration is under way: this one waits for its end")
            time.sleep(pause)
        # This transaction lies idle for as long as the migration takes.
        at_target.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield
