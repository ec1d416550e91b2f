"""A copy of the project in which faults are planted and proofs are run, so that nothing here is ever touched."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import Literal

from app.settings import Settings
from tests.mutants.fault import Fault
from tests.mutants.proofs import Proof

ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
    *("app", "migrations", "tests", "pyproject.toml", "alembic.ini"),
    *("Dockerfile", ".dockerignore", ".env.example", "compose.yaml", "docs/operate", "requirements.lock"),
)
# How long a run that is told to end may take to end its servers.
_GRACE = 20.0

_FAILED = re.compile(r"^FAILED (\S+?\.py)::(\S+)", re.MULTILINE)
_BROKEN = re.compile(r"^broken\s+(.+?): \d+ violations", re.MULTILINE)

Verdict = Literal["passed", "failed", "stuck", "unclear"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a proof, the first test or promise that failed, and the seconds it took."""

    verdict: Verdict
    by: str
    seconds: float
    said: str = ""


class Scratch:
    """The copy; what runs in it sees its own files alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ours = {name.upper() for name in Settings.model_fields}
        # Servers of somebody else's are not for faulty code.
        self._env = {name: value for name, value in os.environ.items() if name.upper() not in ours} | {
            "CRASH_POINTS": "all",
            # before the place where an editable install leads elsewhere, in every process, whatever its folder is
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for name in _COPIED:
            source, target = ROOT / name, folder / name
            if source.is_dir():
                copytree(source, target, ignore=ignore_patterns("__pycache__", "mutants", "test_mutants_*"))
            else:
                copy2(source, target)
        # Checked by their contents: a file that changes twice in a second is still read anew.
        self._python("compileall", "-q", "--invalidation-mode", "checked-hash", "app", "migrations", "tests")

    @contextmanager
    def holding(self, fault: Fault | None) -> Iterator[None]:
        """Has the fault in the copy for a while; with None, what is there."""
        self._is_what_runs()
        if fault is None:
            yield
            return
        file, before = fault.plant(self._folder)
        try:
            yield
        finally:
            file.write_text(before, encoding="utf-8")

    def run(self, proof: Proof) -> Outcome:
        """Runs a proof to its end, or until it takes too long."""
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", *proof.arguments],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        stuck = False
        try:
            said, _ = process.communicate(timeout=proof.within)
        except subprocess.TimeoutExpired:
            stuck, said = True, self._ended(process)
        except BaseException:
            self._ended(process)
            raise
        seconds = time.monotonic() - began
        if stuck:
            return Outcome("stuck", f"still going after {proof.within:g} s", seconds, said)
        if process.returncode == 0:
            return Outcome("passed", "", seconds, said)
        if proof.by_pytest:
            failed = _FAILED.search(said)
            by = f"{Path(failed[1]).stem}: {failed[2].partition('[')[0]}" if failed else ""
        else:
            by = ", ".join(_BROKEN.findall(said))
        return Outcome("failed" if by else "unclear", by, seconds, said)

    def _ended(self, process: "subprocess.Popen[str]") -> str:
        """Tells a run to end, by force if it does not, with whatever it has started; gives what it said."""
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=_GRACE)[0]
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0]

    def _is_what_runs(self) -> None:
        """Makes sure that it is the copy that is imported: else every fault would seem to live."""
        program = (
            "import app, app.db.claims, tests; print(app.__file__, app.db.claims.__file__, tests.__file__, sep='\\n')"
        )
        for options in ((), ("-P",)):
            found = self._python(*options, "-c", program, module=False).split()
            if not all(Path(each).is_relative_to(self._folder) for each in found) or len(found) != 3:
                raise RuntimeError(f"another copy is imported: {found}")

    def _python(self, *arguments: str, module: bool = True) -> str:
        return subprocess.run(
            [sys.executable, *(["-m"] if module else []), *arguments],
            cwd=self._folder,
            env=self._env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Lends a copy that is gone afterwards."""
    with TemporaryDirectory(prefix="provkedja-mutants-") as folder:
        yield Scratch(Path(folder).resolve())
