"""The tools of strangers, in a folder of their own: from PyPI by a lock with hashes, from npm where there is node."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conftest import ROOT

HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / ".local" / "contract"
_LOCK: Final = ROOT / "requirements-contract.lock"
Env = Mapping[str, str] | None
_PACKAGES: Final = ("package.json", "package-lock.json")


class Failed(Exception):
    """A tool has found something, or has not worked; its output stands above."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the tools are. `has_node` and `has_java` say whether those that need them can be run."""

    folder: Path
    has_node: bool
    has_java: bool

    @classmethod
    def install(cls, *, node: bool = True) -> "Tools":
        """Installs what is not there as the locks want it."""
        venv, packages = FOLDER / "venv", FOLDER / "node"
        if _changed(FOLDER / "installed.lock", _LOCK):
            run(sys.executable, "-m", "venv", "--clear", venv)
            pip = (venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            run(*pip, "--require-hashes", "-r", _LOCK)
            shutil.copy(_LOCK, FOLDER / "installed.lock")
        has_node = node and shutil.which("npm") is not None
        if has_node and any(_changed(packages / name, HERE / name) for name in _PACKAGES):
            packages.mkdir(parents=True, exist_ok=True)
            for name in _PACKAGES:
                shutil.copy(HERE / name, packages / name)
            # Nothing that is installed may run anything of its own.
            run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=packages)
        return cls(FOLDER, has_node, shutil.which("java") is not None)

    def python(
        self, name: str, *arguments: object, folder: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        """Runs a command of the Python tools; raises Failed when it ends badly."""
        run(self.folder / "venv" / "bin" / name, *arguments, folder=folder, env=env)

    def node(
        self, name: str, *arguments: object, folder: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        """Runs a command of the tools from npm; raises Failed when it ends badly."""
        run(self.folder / "node" / "node_modules" / ".bin" / name, *arguments, folder=folder, env=env)


def run(*command: object, folder: Path | None = None, env: Env = None) -> None:
    """Runs a command to its end; its output is shown when it ends badly, with Failed."""
    words = [str(each) for each in command]
    bin_folder = f"{FOLDER / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    given = {**os.environ, "PATH": bin_folder, "REDOCLY_TELEMETRY": "off", **(env or {})}
    done = subprocess.run(words, cwd=folder, env=given, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise Failed(f"{Path(words[0]).name} ended with {done.returncode}")


def _changed(installed: Path, wanted: Path) -> bool:
    return not installed.exists() or installed.read_bytes() != wanted.read_bytes()
