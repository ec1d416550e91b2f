"""A launched process is ready when the launcher says so, explained when it is not, and leaves nothing behind."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.errors import Stopped
from app.local.embedded import try_lock
from app.local.environment import outer_environment
from app.local.launcher import ROOT, Launcher

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")

# Holds a simulator that has the lock open, says when it is ready, and is then killed.
_PARENT = """
import os, sys
from functools import partial
from pathlib import Path
from app.local.launcher import Launcher, execute
launcher = Launcher(Path(sys.argv[1]), os.environ, partial(execute, keep_open=[int(sys.argv[2])]))
launcher.launch("simulator", "--port", "0")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    with Launcher(tmp_path, outer_environment()) as made:
        yield made


def test_a_launched_process_answers_and_ends_in_order(launcher: Launcher) -> None:
    """It listens on the port that it names, and is gone by SIGTERM when the launcher's context ends."""
    with launcher:
        child = launcher.launch("simulator", "--port", "0")
        answer = httpx.get(f"http://127.0.0.1:{child.port}/_simulator/ledger", trust_env=False)
        assert answer.status_code == 200
    assert child.process.poll() == 0


def test_each_process_has_a_log_of_its_own(launcher: Launcher) -> None:
    """A second one of the same verb writes to another file."""
    logs = [launcher.launch("simulator", "--port", "0").log.name for _ in range(2)]
    assert logs == ["simulator.log", "simulator-2.log"]


def test_a_process_that_does_not_get_ready_is_explained(launcher: Launcher) -> None:
    """What it wrote before its end stands in the error."""
    with pytest.raises(Stopped, match=r"serve ended with 1 before it was ready.*\n.*DATABASE_URL is not set"):
        launcher.launch("serve", "--port", "0")


def test_a_verb_that_fails_is_explained(launcher: Launcher) -> None:
    with pytest.raises(Stopped, match=r"migrate ended with 1.*\n.*DATABASE_URL is not set"):
        launcher.run("migrate")


def test_a_process_that_does_not_end_is_killed(launcher: Launcher) -> None:
    """One that stands still past the bound goes by SIGKILL, and the caller hears of it."""
    child = launcher.launch("simulator", "--port", "0")
    child.process.send_signal(signal.SIGSTOP)
    assert not child.wait_or_kill(within=0.1)
    assert child.process.poll() == -signal.SIGKILL


@linux
def test_a_process_dies_with_its_parent(tmp_path: Path) -> None:
    """When whoever launched it is killed, nothing of it is left: the lock that it has inherited is free."""
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, tmp_path, str(lock)],
        cwd=ROOT,
        pass_fds=(lock,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        os.close(lock)
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        probe = os.open(tmp_path / "lock", os.O_RDWR)
        assert not try_lock(probe)
        parent.kill()
    deadline = time.monotonic() + 30
    while not try_lock(probe):
        assert time.monotonic() < deadline, "the simulator is left"
        time.sleep(0.02)
    os.close(probe)
