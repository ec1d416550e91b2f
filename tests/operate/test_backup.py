"""Backup and restore by the scripts of docs/operate, against a real Postgres: what is there afterwards works."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from alembic import command
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.changes import place_changes_anew
from app.local.postgres import find_postgres
from tests.conftest import ROOT, alembic_config
from tests.database.drain import drain
from tests.database.factories import Tenant, engine_of

OPERATE = ROOT / "docs" / "operate"
# Stand for `gpg --encrypt …` and `gpg --decrypt`: any pair of commands will do.
SEAL, OPEN = ("gzip",), ("gzip", "--decompress")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to the database that is backed up."""
    engine = engine_of(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def restored(empty_database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to the database that it is restored into."""
    engine = engine_of(empty_database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def gpg() -> Iterator[Sequence[str]]:
    """The command `gpg` of somebody with the key of `drift`; in a short folder, for the socket of its agent."""
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg")
    with tempfile.TemporaryDirectory(prefix="gpg") as home:
        command = ("gpg", "--batch", "--homedir", home, "--trust-model", "always")
        made = ("--passphrase", "", "--quick-generate-key", "drift", "future-default")
        subprocess.run([*command, *made], check=True, capture_output=True, timeout=120)
        yield command
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, timeout=30)


def script(
    name: str, url: str, *arguments: str | Path, password: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs one of the scripts with libpq's variables for the database at `url`."""
    parts, (programs, _) = urlsplit(url), find_postgres()
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    given = {
        "PATH": path,
        "PGHOST": str(parts.hostname),
        "PGPORT": str(parts.port or 5432),
        "PGUSER": str(parts.username),
        "PGPASSWORD": password or str(parts.password),
        "PGDATABASE": parts.path[1:],
    }
    return subprocess.run(
        ["bash", str(OPERATE / name), *map(str, arguments)], env=given, capture_output=True, text=True, timeout=120
    )


def identity(url: str) -> str:
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute("SELECT change_log_identity()")
    return str(found)


async def test_what_was_restored_is_the_same_and_a_run_that_was_under_way_goes_to_its_end(
    engine: AsyncEngine, restored: AsyncEngine, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    """The guards, the sealed contents and the fences with it; who follows the changes is told to begin anew."""
    tenant = await Tenant.make(engine)
    await tenant.new_run()
    await drain(engine, tenant.cipher)
    under_way = await tenant.new_run()
    await drain(engine, tenant.cipher, under_way.jobs[0])
    assert await under_way.status() == "running"
    before = await tenant.dump()

    backup = tmp_path / "provkedja.dump.gz"
    made = await asyncio.to_thread(script, "backup.sh", database_url, backup, *SEAL)
    assert (made.returncode, made.stderr) == (0, "")
    loaded = await asyncio.to_thread(script, "restore.sh", empty_database_url, backup, *OPEN)
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert backup.stat().st_mode & 0o077 == 0

    there = replace(tenant, engine=restored)
    assert await there.dump() == before
    assert identity(empty_database_url) != identity(database_url)
    await asyncio.to_thread(place_changes_anew, empty_database_url)
    await drain(restored, tenant.cipher)
    assert await replace(under_way, tenant=there).status() == "succeeded"


def test_nothing_is_restored_over_what_is_there(database_url: str, tmp_path: Path) -> None:
    refused = script("restore.sh", database_url, tmp_path / "none.dump")
    assert (refused.returncode, refused.stderr) == (
        1,
        "restore.sh: the database has something in it: restore into an empty one\n",
    )


@pytest.mark.parametrize(("name", "what"), [("backup", "write"), ("restore", "load")])
def test_without_a_file_a_script_says_how_it_is_called(database_url: str, name: str, what: str) -> None:
    asked = script(f"{name}.sh", database_url)
    said = f"{name}.sh: name the file to {what}: {name}.sh FILE [COMMAND…]\n"
    assert (asked.returncode, asked.stdout, asked.stderr) == (2, "", said)


def test_a_backup_that_cannot_be_made_leaves_no_file(database_url: str, tmp_path: Path) -> None:
    """Neither where Postgres refuses, nor where the command that seals fails."""
    assert script("backup.sh", database_url, tmp_path / "a.dump", password="wrong").returncode != 0
    assert script("backup.sh", database_url, tmp_path / "b.dump", "false").returncode != 0
    assert [*tmp_path.iterdir()] == []


def test_the_restored_tables_are_those_of_the_migrations(
    database_url: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the schema is lost on the way through a dump."""
    assert script("backup.sh", database_url, tmp_path / "a.dump").returncode == 0
    assert script("restore.sh", empty_database_url, tmp_path / "a.dump").returncode == 0
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    command.check(alembic_config())


async def test_a_dump_is_sealed_on_its_way_as_the_page_says(
    engine: AsyncEngine,
    restored: AsyncEngine,
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    gpg: Sequence[str],
) -> None:
    """With gpg as it stands there: nothing of it can be read in the file, and all of it is restored from that."""
    page = (OPERATE / "backup.md").read_text("utf-8")
    [sealing], [opening] = (re.findall(rf"{name}\.sh \S+ (gpg .+)", page) for name in ("backup", "restore"))
    tenant = await Tenant.make(engine)
    await tenant.new_run()
    before, backup = await tenant.dump(), tmp_path / "provkedja.dump.gpg"
    made = script("backup.sh", database_url, backup, *gpg, *shlex.split(sealing)[1:])
    assert made.returncode == 0, made.stderr
    # What a dump begins with, a table, and an organisation by its name.
    for clear in (b"PGDMP", b"roster_item", b"Exempelkommun"):
        assert clear not in backup.read_bytes()
    loaded = script("restore.sh", empty_database_url, backup, *gpg, *shlex.split(opening)[1:])
    assert loaded.returncode == 0, loaded.stderr
    assert await replace(tenant, engine=restored).dump() == before
