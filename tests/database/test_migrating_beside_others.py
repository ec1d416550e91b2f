"""A migration runs while everybody works: it waits for nobody for long, and nobody long for it."""

import os
from pathlib import Path

import psycopg
import pytest
from alembic import command

from app.db.engine import MIGRATION_HEAD
from tests.conftest import Spawn, _wait, alembic_config


@pytest.fixture
def older_database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database that has been migrated before, and has nothing to show for it but alembic's own table."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    command.upgrade(alembic_config(), "head")
    command.downgrade(alembic_config(), "base")
    return empty_database_url


def versions(connection: psycopg.Connection) -> list[str]:
    return [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]


def test_a_migration_gives_way_to_a_long_transaction_and_comes_again(older_database: str, spawn: Spawn) -> None:
    """Nothing of a try that had to give way is kept, and nobody waits behind it."""
    with psycopg.connect(older_database) as long, psycopg.connect(older_database, autocommit=True) as other:
        long.execute("LOCK TABLE alembic_version IN EXCLUSIVE MODE")
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


def _said(log: Path) -> str:
    return log.read_text(encoding="utf-8") if log.exists() else ""
