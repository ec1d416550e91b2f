"""Databases for the tests of the store: one for each test, or rows that the tests of a module share."""

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.cipher import new_key
from app.db.engine import close
from app.local.embedded import Servers
from tests.conftest import _database, _name
from tests.database.commands import Command, commands
from tests.database.factories import Tenant, engine_of
from tests.database.seed_states import Names, seed


@pytest.fixture(scope="session")
def seed_states(servers: Servers, template_database: str) -> Iterator[tuple[str, dict[str, Names]]]:
    """The address of a database with a row of each kind in each state, and their ids; nobody commits to it."""
    with _database(servers, template=_name(template_database)) as url:
        yield url, seed(url)


@pytest.fixture
def scenes(seed_states: tuple[str, dict[str, Names]]) -> dict[str, Names]:
    """The ids of those rows, by scene."""
    return seed_states[1]


@pytest.fixture
def cursor(seed_states: tuple[str, dict[str, Names]]) -> Iterator[psycopg.Cursor]:
    """A transaction over those rows that is rolled back."""
    with psycopg.connect(seed_states[0]) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to a migrated database of the test's own."""
    engine = engine_of(database_url)
    yield engine
    await close(engine)


@pytest.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    """An organisation in it."""
    return await Tenant.make(engine)


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `python -m app …` in this process, with the settings that most verbs take."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ENCRYPTION_KEYS", f"k1:{new_key()}")
    monkeypatch.setenv("COLUMNS", "30")
    return commands(capsys)
