"""Processes of ours by fork: each is a real one, and none takes the second of importing everything to start.

One process a session imports the application and does nothing else; it forks itself for each that a test wants, which
becomes `python -m app …` with its own arguments, environment and log. They end with it, and it ends with the tests.
"""

import contextlib
import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.crash_points import watch
from app.local.die_with_parent import die_with_parent

# A process that has this in its environment dies at the point of that name (see app/crash_points.py).
KILL_AT = "KILL_AT"
# As of a process that was killed.
KILLED = 137
_PR_SET_PDEATHSIG = 1


class Forked:
    """One process; what is asked of it is what `subprocess.Popen` offers."""

    def __init__(self, forks: "Forks", pid: int) -> None:
        self._forks, self.pid = forks, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Gives how it ended, None while it has not."""
        if self.returncode is None:
            self.returncode = self._forks.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; raises TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that forks, from its parent's side."""

    def __init__(self, root: Path) -> None:
        # Threads ask too: an answer is whose question it was.
        self._asking = threading.Lock()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                die_with_parent([sys.executable, "-m", "tests.forks", str(theirs.fileno())]),
                cwd=root,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._line = ours.makefile("rw", encoding="utf-8")
        ours.close()

    def start(self, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Forked:
        """Starts `python -m app` with arguments and environment, writing to the log."""
        return Forked(self, self.ask({"start": list(arguments), "env": dict(env), "log": str(log)}))

    def ask(self, question: dict[str, Any]) -> Any:
        """Asks the other side, and gives its answer."""
        with self._asking:
            self._line.write(json.dumps(question) + "\n")
            self._line.flush()
            return json.loads(self._line.readline())

    def close(self) -> None:
        """Ends it, and with it whatever it has forked."""
        self._line.close()
        self._process.wait(10)


def _serve(line: socket.socket) -> None:
    ours = ("app.cli", "app.server.serving", "app.jobs.egress", "app.jobs.worker", "app.simulator.serving")
    # httpx imports its way of waiting with the first request.
    for module in (*ours, "anyio._backends._asyncio"):
        __import__(module)
    gc.freeze()  # for those that are forked: what all share stays
    children: dict[int, int | None] = {}
    with line, line.makefile("rw", encoding="utf-8") as talk:
        for said in talk:
            question = json.loads(said)
            if "poll" in question:
                answer = _ended(children, question["poll"])
            else:
                answer = _fork(line, question)
                children[answer] = None
            talk.write(json.dumps(answer) + "\n")
            talk.flush()
    for pid in children:
        if _ended(children, pid) is None:
            os.kill(pid, signal.SIGKILL)


def _ended(children: dict[int, int | None], pid: int) -> int | None:
    if children[pid] is None:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children[pid] = os.waitstatus_to_exitcode(status)
    return children[pid]


def _fork(line: socket.socket, question: dict[str, Any]) -> int:
    parent = os.getpid()
    if pid := os.fork():
        return pid
    code = 1
    try:
        line.close()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        with open(question["log"], "wb") as log:  # noqa: PTH123 - its descriptor is all that is wanted
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.environ.clear()
        os.environ.update(question["env"])
        if killed_at := question["env"].get(KILL_AT):
            watch(lambda point: os._exit(KILLED) if point == killed_at else None)
        sys.argv = ["app", *question["start"]]
        code = _run()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run() -> int:
    try:
        runpy.run_module("app", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
            return 1
        return end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
