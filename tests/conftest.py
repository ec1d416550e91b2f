"""Real parts for every test: servers, a migrated database of its own, a notifier, processes of ours."""

import atexit
import gc
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import hypothesis
import psycopg
import pytest
import redis
from alembic import command
from alembic.config import Config
from psycopg import sql

from app.cli import start
from app.errors import Stopped
from app.local.embedded import Servers, embedded_servers
from app.local.environment import towards_simulator
from app.local.launcher import Child, Launcher
from app.local.postgres import as_role, make_roles
from app.roles import OWNER
from app.settings import Settings
from tests.contract.official_plugin import OfficialContract
from tests.exchanges import recorded
from tests.forks import Forked, Forks

ROOT = Path(__file__).resolve().parents[1]
# Those of its tests count every run that there is.
_ALL_RUNS = "tests/web/test_history_page.py"
_CRASHES = "tests/journeys/test_crash_points.py"
# Settings towards a service that nobody has started: for what calls none.
NOWHERE = towards_simulator("http://127.0.0.1:9")


def pytest_configure(config: pytest.Config) -> None:
    """Has what simulators are asked and answer held against the published documents, where these are."""
    config.pluginmanager.register(OfficialContract(config), "official-contract")
    # A machine that is busy with other things makes no test fail.
    hypothesis.settings.register_profile(
        "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("patient")
    gc.disable()  # nearly all that is made while tests are collected stays


@pytest.fixture(autouse=True, scope="session")
def logs_stay_as_they_are() -> Iterator[None]:
    """Keeps commands that are run in this process from setting up logs for all tests behind them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(start, "configure", lambda _level: None)
        yield


def pytest_collection_finish() -> None:
    """Spares the garbage collector what stays until the end; it took two of the five seconds of collecting."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spreads the journeys, which mostly wait, among the modules that mostly reckon: so neither waits for the other.

    Crash points come some at a time, for they share a service as long as nothing else comes between. The pages come
    before all of these: what is first stays with one worker of xdist, and is built once.
    """
    modules: dict[str, list[pytest.Item]] = {}
    journeys: list[list[pytest.Item]] = []
    for item in items:
        module = item.nodeid.partition("::")[0]
        if not module.startswith("tests/journeys/"):
            modules.setdefault(module, []).append(item)
        elif module == _CRASHES and journeys and journeys[-1][0].nodeid.startswith(module) and len(journeys[-1]) < 8:
            journeys[-1].append(item)
        else:
            journeys.append([item])
    pages = sorted((name for name in modules if name.startswith("tests/web/")), key=lambda name: name != _ALL_RUNS)
    spread = [item for name in pages for item in modules.pop(name)]
    for place, others in enumerate(modules.values()):
        first, last = (len(journeys) * each // len(modules) for each in (place, place + 1))
        spread += [*chain.from_iterable(journeys[first:last]), *others]
    items[:] = spread if modules else [*spread, *chain.from_iterable(journeys)]


@pytest.fixture(scope="session", autouse=True)
def given() -> Iterator[dict[str, str]]:
    """Takes our settings and libpq's out of the environment: a test sees only what it sets itself."""
    ours = {name.upper() for name in Settings.model_fields}
    with pytest.MonkeyPatch.context() as patch:
        found = {name: value for name, value in os.environ.items() if name.upper() in ours or name.startswith("PG")}
        for name in found:
            patch.delenv(name)
        yield {name.upper(): value for name, value in found.items() if value}


@pytest.fixture(scope="session")
def servers(given: dict[str, str]) -> Iterator[Servers]:
    """Postgres and Valkey of this session's own, or those of DATABASE_URL and REDIS_URL (which is flushed)."""
    with ExitStack() as stack:
        if "REDIS_URL" in given:
            with redis.Redis.from_url(given["REDIS_URL"]) as client:
                assert client.dbsize() == 0, "the tests flush REDIS_URL's database: give them an empty one"
        if not {"DATABASE_URL", "REDIS_URL"} <= given.keys():
            # Not pytest's folder: nobody but root gets into that, and Postgres may have to run as somebody else.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="provkedja-", dir=_quick_folder())))
            lent = stack.enter_context(embedded_servers(folder, durable=False))
            given = {"DATABASE_URL": lent.database_url, "REDIS_URL": lent.redis_url} | given
        make_roles(_administration(given["DATABASE_URL"]), urlsplit(given["DATABASE_URL"]).password or "")
        yield Servers(given["DATABASE_URL"], given["REDIS_URL"])
        _administration(given["DATABASE_URL"]).close()


@pytest.fixture(scope="session")
def template_database(servers: Servers) -> Iterator[str]:
    """The address of a migrated database that clones are made of: nobody stays connected to it."""
    with _database(servers) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", as_role(url, OWNER))
        command.upgrade(alembic_config(), "head")
        patch.delenv("DATABASE_URL")
        yield url


@pytest.fixture
def database_url(servers: Servers, template_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database of the test's own."""
    with _database(servers, template=_name(template_database), of=_module(request)) as url:
        yield url


@pytest.fixture
def empty_database_url(servers: Servers, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without anything in it."""
    with _database(servers, of=_module(request)) as url:
        yield url


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """The address of an empty notifier."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushdb()
        yield servers.redis_url
        client.flushdb()


class Spawn(Protocol):
    """Starts `python -m app` with arguments and settings, and gives it back once it is ready."""

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None, ready: bool = True) -> Child: ...


@cache
def forks() -> Forks:
    """The process that all of ours are forked from; it ends with the tests."""
    made = Forks(ROOT)
    atexit.register(made.close)
    return made


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Processes of ours that end with the test."""
    with spawning(tmp_path) as start:
        yield start


@contextmanager
def spawning(folder: Path) -> Iterator[Spawn]:
    """Lends processes of ours, with their logs in the folder, and ends them by SIGTERM, or past a bound by SIGKILL."""
    with Launcher(folder, {**NOWHERE, **os.environ}, _fork) as launcher:

        def start(*arguments: str, env: Mapping[str, str] | None = None, ready: bool = True) -> Child:
            child = launcher.start(*arguments, env=env, ready=ready)
            if ready:
                try:
                    child.wait_until_ready()
                except Stopped as problem:
                    pytest.fail(str(problem), pytrace=False)
            return child

        yield start


def _fork(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Forked:
    return forks().start(recorded(arguments), env, log)


def alembic_config() -> Config:
    """Gives the configuration that `alembic` has at the root."""
    return Config(ROOT / "alembic.ini")


def _quick_folder() -> str | None:
    """Memory, where there is enough of it: a clone of the database takes 10 ms there and 150 ms on a slow disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    try:
        free = shutil.disk_usage(memory).free
    except OSError:
        return None
    return str(memory) if free > 2 * 1024**3 and os.access(memory, os.W_OK) else None


@contextmanager
def _database(servers: Servers, template: str = "template0", of: str = "session") -> Iterator[str]:
    # What is said of a connection that somebody has lost says of what database: that leads to the test.
    name, connection = f"test_{of[:30]}_{uuid4().hex[:20]}", _administration(servers.database_url)
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy").format(
            *map(sql.Identifier, (name, OWNER, template))
        )
    )
    try:
        yield urlsplit(servers.database_url)._replace(path=f"/{name}").geturl()
    finally:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@cache
def _administration(database_url: str) -> psycopg.Connection:
    # One for all databases of the session: each new one would have to sign in.
    return psycopg.connect(database_url, autocommit=True)


def _module(request: pytest.FixtureRequest) -> str:
    return request.path.stem.removeprefix("test_")


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _wait(happened: Callable[[], bool], what: str, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {within:g} s for {what}", pytrace=False)
        time.sleep(0.01)
