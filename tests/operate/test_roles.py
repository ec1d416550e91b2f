"""The roles of the database as the script of docs/operate makes them, on a server of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from app.db.access import check_roles
from app.errors import Stopped
from app.local import postgres
from app.local.embedded import embedded_servers
from app.local.postgres import find_postgres
from app.roles import API, OWNER, WORKER
from tests.conftest import ROOT, Spawn

ROLES = {OWNER: "OWNER_PASSWORD", API: "API_PASSWORD", WORKER: "WORKER_PASSWORD"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a superuser on a server without our roles and our database."""
    home = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path_factory.mktemp("bare")  # noqa: S108
    folder = home / f"provkedja-roles-{os.getpid()}"
    try:
        with (
            embedded_servers(folder, durable=True) as servers,
            psycopg.connect(servers.database_url, autocommit=True) as connection,
        ):
            # From the next start on.
            connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        with embedded_servers(folder, durable=True) as servers:
            url = urlsplit(servers.database_url)._replace(path="/postgres").geturl()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP DATABASE provkedja")
                for role in ROLES:
                    connection.execute(f"DROP ROLE {role}")
                connection.execute("CREATE EXTENSION pg_stat_statements")
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_roles(url: str, number: int) -> None:
    """Runs the script, with passwords of this number."""
    given, (programs, _) = urlsplit(url), find_postgres()
    env = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": str(given.hostname),
        "PGPORT": str(given.port),
        "PGUSER": str(given.username),
        "PGPASSWORD": str(given.password),
        **{name: f"{role}-{number}" for role, name in ROLES.items()},
    }
    subprocess.run(["bash", str(ROOT / "docs/operate/roles.sh")], env=env, check=True, timeout=60)


def address(url: str, role: str, number: int, database: str = "provkedja") -> str:
    given = urlsplit(url)
    return given._replace(netloc=f"{role}:{role}-{number}@{given.hostname}:{given.port}", path=f"/{database}").geturl()


def test_the_owner_migrates_and_lets_the_others_in(bare: str, spawn: Spawn) -> None:
    """The script can be run again, for new passwords; nobody else connects to the database."""
    make_roles(bare, 1)
    make_roles(bare, 2)
    owner = address(bare, OWNER, 2)
    migrating = spawn("migrate", "--json", env={**os.environ, "DATABASE_URL": owner}, ready=False)
    assert '"granted_again": false' in migrating.wait_until_done()
    for role in (API, WORKER):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(address(bare, role, 1))
        with psycopg.connect(address(bare, role, 2)) as connection:
            assert connection.execute("SELECT count(*) FROM run").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE mine (a integer)")
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger-2'")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(address(bare, "stranger", 2))
        connection.execute("DROP ROLE stranger")


def test_no_statement_has_a_password(bare: str) -> None:
    """Who may read statistics reads the statements of others too, as they were."""
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
        make_roles(bare, 1)
        for role in (OWNER, API, WORKER):
            connection.execute(f"ALTER ROLE {role} RENAME TO {role}_away")
        postgres.make_roles(connection, "provkedja-0")
        for role in (OWNER, API, WORKER):
            connection.execute(f"REVOKE pg_read_all_stats FROM {role}")
            connection.execute(f"DROP ROLE {role}")
            connection.execute(f"ALTER ROLE {role}_away RENAME TO {role}")
        found = connection.execute("SELECT query FROM pg_stat_statements WHERE query LIKE '%PASSWORD%'").fetchall()
    said = [query for (query,) in found if query.startswith(("ALTER", "CREATE"))]
    assert len(said) == 6
    assert all("PASSWORD 'SCRAM-SHA-256$" in each for each in said)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_database_that_was_made_without_the_script_has_no_more_rights(
    bare: str, spawn: Spawn, is_loaded: bool
) -> None:
    """As for a restore: a database that has been made lets everybody connect and have temporary tables."""
    make_roles(bare, 1)
    owner = address(bare, OWNER, 1, "late")
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE late OWNER {OWNER} TEMPLATE template0")
    try:
        if is_loaded:
            spawn("migrate", env={**os.environ, "DATABASE_URL": owner}, ready=False).wait_until_done()
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute("GRANT CONNECT, TEMPORARY ON DATABASE late TO PUBLIC")
        spawn("migrate", env={**os.environ, "DATABASE_URL": owner}, ready=False).wait_until_done()
        for role in (API, WORKER):
            with (
                psycopg.connect(address(bare, role, 1, "late")) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute("CREATE TEMPORARY TABLE mine (a integer)")
        with psycopg.connect(bare) as connection:
            everybody = "SELECT has_database_privilege('public', 'late', 'CONNECT, TEMPORARY')"
            assert connection.execute(everybody).fetchone() == (False,)
    finally:
        with psycopg.connect(bare, autocommit=True) as connection:
            connection.execute("DROP DATABASE late WITH (FORCE)")


def test_what_a_dump_has_left_out_is_granted_again(bare: str, spawn: Spawn) -> None:
    """A dump is loaded without grants: the next migration gives them."""
    make_roles(bare, 3)
    owner = address(bare, OWNER, 3)
    spawn("migrate", env={**os.environ, "DATABASE_URL": owner}, ready=False).wait_until_done()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {API}, {WORKER}")
    migrating = spawn("migrate", "--json", env={**os.environ, "DATABASE_URL": owner}, ready=False)
    assert '"granted_again": true' in migrating.wait_until_done()
    with psycopg.connect(address(bare, API, 3)) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (0,)


def test_without_the_roles_a_migration_says_what_to_do(bare: str) -> None:
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute("CREATE ROLE other LOGIN PASSWORD 'other-1'")
        connection.execute("CREATE DATABASE elsewhere OWNER other")
        for role in (API, WORKER):
            connection.execute(f"ALTER ROLE {role} RENAME TO {role}_away")
    try:
        url = address(bare, "other", 1).replace("/provkedja", "/elsewhere")
        with pytest.raises(Stopped, match=r"provkedja_api and provkedja_worker: no such role.*roles\.sh"):
            check_roles(url)
    finally:
        with psycopg.connect(bare, autocommit=True) as connection:
            for role in (API, WORKER):
                connection.execute(f"ALTER ROLE {role}_away RENAME TO {role}")
