"""A database whose clock stands still until a test moves it: every statement and trigger reads the virtual one."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

_BEGINNING: Final = datetime(2030, 3, 1, 8, tzinfo=UTC)

# Each reading is a microsecond later than the one before, so that no two moments are the same.
_CLOCK = """
    CREATE SCHEMA virtual;
    CREATE TABLE virtual.clock (now timestamptz NOT NULL);
    CREATE SEQUENCE virtual.tick;
    INSERT INTO virtual.clock VALUES (now());
    CREATE FUNCTION virtual.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT now + nextval('virtual.tick') * interval '1 microsecond' FROM virtual.clock
    $$;
"""

# What rewinds a database to its beginning, whatever runs it has seen. Rosters stay.
REWIND: Final = f"""
    TRUNCATE run, job, record, batch, at_target, event, answer_time, object, eppn, epoch, egress, circuit, task,
        pause;
    UPDATE activity SET last_sequence = 0;
    UPDATE virtual.clock SET now = '{_BEGINNING.isoformat()}';
    ALTER SEQUENCE virtual.tick RESTART;
"""
FORWARD: Final = "UPDATE virtual.clock SET now = now + :by"


def virtualise(url: str) -> None:
    """Gives a migrated database the virtual clock, for all connections made from now on.

    A name without its schema is looked up along the search path, in functions' bodies too. Defaults of columns were
    bound to the real clock when they were made, and are made anew.
    """
    name = urlsplit(url).path.removeprefix("/")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_CLOCK)
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = virtual, public, pg_catalog").format(sql.Identifier(name))
        )
        defaults = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_default = 'clock_timestamp()'"
        ).fetchall()
        assert defaults
        for table, column in defaults:
            connection.execute(
                sql.SQL("ALTER TABLE {} ALTER {} SET DEFAULT virtual.clock_timestamp()").format(
                    sql.Identifier(table), sql.Identifier(column)
                )
            )
