"""A migration runs while everybody works: it waits for nobody for long, and nobody long for it."""

import os
import time
from pathlib import Path

import psycopg
import pytest
from alembic import command

from app.db.engine import MIGRATION_HEAD, connect_blocking
from app.db.migration_lock import migrating_alone
from app.errors import Stopped
from app.local.postgres import as_role
from app.roles import OWNER
from tests.conftest import Spawn, _wait, alembic_config


@pytest.fixture
def older_database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database that has been migrated before, and has nothing to show for it but alembic's own table."""
    monkeypatch.setenv("DATABASE_URL", as_role(empty_database_url, OWNER))
    command.upgrade(alembic_config(), "head")
    command.downgrade(alembic_config(), "base")
    return empty_database_url


def versions(connection: psycopg.Connection) -> list[str]:
    return [str(row[0]) for row in connection.execute("SELECT version_num FROM provkedja_version")]


def test_a_migration_gives_way_to_a_long_transaction_and_comes_again(older_database: str, spawn: Spawn) -> None:
    """Nothing of a try that had to give way is kept, and nobody waits behind it."""
    with psycopg.connect(older_database) as long, psycopg.connect(older_database, autocommit=True) as other:
        long.execute("LOCK TABLE provkedja_version IN EXCLUSIVE MODE")
        migrating = spawn("migrate", env={**os.environ, "DATABASE_URL": older_database}, ready=False)
        _wait(lambda: "tried again" in _said(migrating.log), "the migration to give way")
        assert versions(other) == []
        assert other.execute("SELECT to_regclass('job')").fetchone() == (None,)
        long.commit()
        assert migrating.process.wait(20) == 0
        assert versions(other) == [MIGRATION_HEAD]


def test_two_migrations_at_once_are_one(older_database: str, spawn: Spawn) -> None:
    both = [spawn("migrate", env={**os.environ, "DATABASE_URL": older_database}, ready=False) for _ in range(2)]
    assert [each.process.wait(30) for each in both] == [0, 0]
    with psycopg.connect(older_database) as connection:
        assert versions(connection) == [MIGRATION_HEAD]


def test_a_migration_that_does_not_end_is_waited_for_with_an_end(empty_database_url: str) -> None:
    """The second one says so; the first keeps its right for as long as its transaction stands, however idle."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET idle_in_transaction_session_timeout = '100ms'")
    try:
        first, second = (connect_blocking(empty_database_url, name="tests") for _ in range(2))
        with migrating_alone(first):
            time.sleep(0.3)
            with (
                pytest.raises(Stopped, match="another migration has been under way"),
                migrating_alone(second, 0.2, 0.05),
            ):
                pass
        with migrating_alone(second, 0):
            pass
    finally:
        with psycopg.connect(empty_database_url, autocommit=True) as connection:
            connection.execute("ALTER ROLE CURRENT_USER RESET idle_in_transaction_session_timeout")
        first.dispose()
        second.dispose()


def _said(log: Path) -> str:
    return log.read_text(encoding="utf-8") if log.exists() else ""
