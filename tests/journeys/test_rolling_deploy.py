"""A deploy while exams are provisioned: workers of the version before go on with the tables of this one."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app.db.engine import MIGRATION_HEAD
from app.demo.roster import generate
from tests.conftest import ROOT, Spawn, _wait
from tests.journeys.conftest import PLAN, Json, add_organisation, served
from tests.journeys.promises import assert_kept


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files as they were before the last migration came, from its history."""
    came = _git("log", "--format=%H", "-1", f'-SMIGRATION_HEAD = "{MIGRATION_HEAD}"', "--", "app/db/engine.py")
    folder = tmp_path_factory.mktemp("before")
    try:
        tree = _git("archive", f"{came.decode().strip()}^", "app", "migrations")
    except subprocess.CalledProcessError:
        pytest.skip("the history does not reach back to the version before")
    with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout
    except FileNotFoundError:
        pytest.skip("the version before is taken from the history, and there is no git here")


@contextmanager
def worker_of(tree: Path, env: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    ready = folder / "worker-before.ready"
    with (folder / "worker-before.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "worker", "--ready-file", str(ready)], cwd=tree, env=env, stderr=log
        )
    try:
        _wait(lambda: ready.exists() or process.poll() is not None, "the worker of the version before")
        assert process.poll() is None
        yield process
    finally:
        process.terminate()
        assert process.wait(45) == 0, "it ends in order"


def test_a_worker_of_the_version_before_goes_on_beside_new_ones(
    before: Path,
    empty_database_url: str,
    redis_url: str,
    simulator: str,
    spawn: Spawn,
    tmp_path: Path,
    clean: Json,
) -> None:
    """It runs while the database is migrated, carries a run alone, and another one together with a new worker."""
    folder = tmp_path / "before"
    folder.mkdir()
    with served(empty_database_url, redis_url, simulator, spawn, tmp_path) as service:
        env = {**os.environ, **service.env}
        subprocess.run([sys.executable, "-m", "app", "migrate"], cwd=before, env=env, check=True, capture_output=True)
        with worker_of(before, env, folder):
            # The version before kept its place under Alembic's own name.
            with psycopg.connect(empty_database_url) as connection:
                connection.execute("ALTER TABLE IF EXISTS alembic_version RENAME TO provkedja_version")
            assert spawn("migrate", env=env, ready=False).process.wait(60) == 0
            add_organisation(service, generate(PLAN)["huvudman"])
            alone = service.finished(service.provision(service.store(clean))["id"])
            service.worker()
            together = [service.provision(service.store(clean))["id"] for _ in range(2)]
            runs = [alone, *(service.finished(run_id) for run_id in together)]
        assert [run["status"] for run in runs] == ["succeeded"] * 3
        assert_kept(service, *runs)
        assert not _broken(folder / "worker-before.log")


def _broken(log: Path) -> list[str]:
    lines = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{"))
    return [line["event"] for line in lines if line["level"] == "error"]
