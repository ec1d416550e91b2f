"""The migrations give the schema that the code describes, and can be undone."""

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.conftest import alembic_config


@pytest.fixture
def config(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Alembic over a database that is still empty."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    return alembic_config()


def test_there_is_one_head() -> None:
    """Two branches of migrations would leave it to chance which schema a release gets."""
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_the_code_asks_for_nothing_that_the_migrations_do_not_make(config: Config) -> None:
    """`alembic check` finds no difference between the migrated schema and the tables in the code."""
    command.upgrade(config, "head")
    command.check(config)


def test_downgrade_to_base_leaves_nothing(config: Config, empty_database_url: str) -> None:
    """Tables, types, functions and triggers all go; Alembic's own table is what remains."""
    before = _objects(empty_database_url)
    command.upgrade(config, "head")
    assert _objects(empty_database_url) != before
    command.downgrade(config, "base")
    left = {name for name in _objects(empty_database_url) - before if "provkedja_version" not in name}
    assert left == set()


def test_up_after_down_gives_the_same_schema(config: Config, empty_database_url: str) -> None:
    """A release that was withdrawn can be put out again."""
    command.upgrade(config, "head")
    first = _objects(empty_database_url)
    command.downgrade(config, "base")
    command.upgrade(config, "head")
    assert _objects(empty_database_url) == first


def _objects(url: str) -> set[str]:
    """Names everything in the database's own schemas: columns, constraints, indexes, triggers, functions and types."""
    query = """
        WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
        SELECT 'column ' || c.oid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
               || ' ' || a.attnotnull || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace IN (TABLE ours)
        UNION SELECT 'relation ' || oid::regclass || ' ' || relkind::text FROM pg_class
               WHERE relnamespace IN (TABLE ours)
        UNION SELECT 'index ' || pg_get_indexdef(oid) FROM pg_class
               WHERE relnamespace IN (TABLE ours) AND relkind = 'i'
        UNION SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
                FROM pg_constraint WHERE connamespace IN (TABLE ours)
        UNION SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
               WHERE c.relnamespace IN (TABLE ours) AND NOT t.tgisinternal
        UNION SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc
               WHERE pronamespace IN (TABLE ours) AND prokind IN ('f', 'p')
        UNION SELECT 'type ' || oid::regtype || ' ' || coalesce(
                 (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '')
                FROM pg_type t WHERE typnamespace IN (TABLE ours)
    """
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(query)}
