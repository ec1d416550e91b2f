"""Starts processes of ours (`python -m app …`), waits until they are ready, and ends them: the one way to do it.

Demo, `make serve`, tests, torture and benchmarks use it. What a process is for, and what is done to it, is theirs.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from app.errors import Stopped
from app.local.die_with_parent import die_with_parent
from app.local.postgres import address_for

ROOT = Path(__file__).resolve().parents[2]

READY_WITHIN = 60.0
# A worker may finish the calls that are out.
GONE_WITHIN = 40.0
_SHOWN_OF_A_LOG = 2000
# Of processes on one machine each takes a free port for its figures.
_SIDE_BY_SIDE = {"METRICS_PORT": "0"}


class Process(Protocol):
    """What is asked of a process; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """Gives how it ended, None while it has not."""

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Sends a signal, unless it has ended."""

    def kill(self) -> None:
        """Ends it at once."""


Execute = Callable[[Sequence[str], Mapping[str, str], Path], Process]
"""Starts `python -m app` with arguments and environment, writing to a log."""


def execute(
    arguments: Sequence[str], env: Mapping[str, str], log: Path, *, keep_open: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Starts `python -m app` with `arguments` as a child that gets SIGTERM when the thread that starts it ends.

    What it writes goes to `log`. It inherits the descriptors `keep_open`.
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            die_with_parent([sys.executable, "-m", "app", *arguments]),
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=keep_open,
            # Ctrl-C is for whoever launched it, who ends it in order.
            start_new_session=True,
        )


class Child:
    """A process of ours that was started: its `verb`, its `name` among the others, its `log`, and how it gets on."""

    def __init__(self, verb: str, name: str, process: Process, log: Path, ready_file: Path) -> None:
        self.verb, self.name, self.process, self.log = verb, name, process, log
        self._ready_file = ready_file
        self._port: int | None = None
        self._metrics_port = 0

    @property
    def pid(self) -> int:
        """Gives the id of the process."""
        return self.process.pid

    @property
    def port(self) -> int:
        """Gives the port on which it listens, 0 without one; raises Stopped before it is ready."""
        if not self.is_ready():
            raise Stopped(f"{self.name} is not ready yet")
        return self._port or 0

    @property
    def metrics_port(self) -> int:
        """Gives the port of its figures, 0 without one; raises Stopped before it is ready."""
        if not self.is_ready():
            raise Stopped(f"{self.name} is not ready yet")
        return self._metrics_port

    def is_ready(self) -> bool:
        """Tells whether it has ever said that it is ready (`app.ready`)."""
        if self._port is None and self._ready_file.exists():
            ready = json.loads(self._ready_file.read_text())
            self._port, self._metrics_port = ready["port"], ready.get("metrics_port", 0)
            self._ready_file.unlink()
        return self._port is not None

    def wait_until_ready(self, within: float = READY_WITHIN) -> None:
        """Returns once it is ready; raises Stopped, with the end of its log, when it ends before or takes too long."""
        deadline = time.monotonic() + within
        while not self.is_ready():
            if (code := self.process.poll()) is not None and not self._ready_file.exists():
                raise Stopped(f"{self.name} ended with {code} before it was ready; {self._end_of_log()}")
            if time.monotonic() > deadline:
                raise Stopped(f"{self.name} was not ready within {within:g} s; {self._end_of_log()}")
            time.sleep(0.01)

    def wait_until_done(self, within: float = READY_WITHIN) -> str:
        """Returns what it has written once it has ended with 0; raises Stopped when it ends otherwise, or is late."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise Stopped(f"{self.name} was not done within {within:g} s; {self._end_of_log()}") from None
        if code != 0:
            raise Stopped(f"{self.name} ended with {code}; {self._end_of_log()}")
        return self.log.read_text(encoding="utf-8")

    def terminate(self) -> None:
        """Tells it to end; one that was stopped goes on for that."""
        self.process.send_signal(signal.SIGTERM)
        self.process.send_signal(signal.SIGCONT)

    def wait_or_kill(self, within: float = GONE_WITHIN) -> bool:
        """Waits until it has ended, and past `within` seconds kills it; tells whether it ended by itself."""
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True

    def _end_of_log(self) -> str:
        written = self.log.read_text(encoding="utf-8", errors="replace")
        return f"{self.log} says:\n{written[-_SHOWN_OF_A_LOG:].strip()}"


class Launcher:
    """The processes of ours that somebody has started; as a context it ends them.

    Their logs lie in `folder`; `env` is their whole environment, and may be added to between two starts.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], execute: Execute = execute) -> None:
        self.folder = folder
        self.env = dict(env)
        self.children: list[Child] = []
        self._execute = execute

    def start(
        self,
        verb: str,
        *arguments: str,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        ready: bool = True,
    ) -> Child:
        """Starts `python -m app VERB …` with `env` added to the environment, and does not wait for it.

        `name` is that of its log, by default the verb with a number from the second on. Without `ready` it is not
        asked to say when it is ready: for verbs that just end.
        """
        if name is None:
            earlier = sum(child.verb == verb for child in self.children)
            name = f"{verb}-{earlier + 1}" if earlier else verb
        log, ready_file = self.folder / f"{name}.log", self.folder / f"{name}.ready"
        ready_file.unlink(missing_ok=True)
        asked = ("--ready-file", str(ready_file)) if ready else ()
        whole = {**_SIDE_BY_SIDE, **self.env, **(env or {})}
        if "DATABASE_URL" in whole:
            whole["DATABASE_URL"] = address_for(verb, whole["DATABASE_URL"])
        process = self._execute([verb, *arguments, *asked], whole, log)
        child = Child(verb, name, process, log, ready_file)
        self.children.append(child)
        return child

    def launch(self, verb: str, *arguments: str, env: Mapping[str, str] | None = None) -> Child:
        """Starts `python -m app VERB …` and returns once it is ready; raises Stopped."""
        child = self.start(verb, *arguments, env=env)
        child.wait_until_ready()
        return child

    def run(self, verb: str, *arguments: str) -> str:
        """Runs `python -m app VERB …` to its end, and gives what it wrote; raises Stopped."""
        return self.start(verb, *arguments, ready=False).wait_until_done()

    def end(self, children: Iterable[Child] | None = None) -> None:
        """Ends these children, by default all: the simulators last, as a worker that finishes its step still calls."""
        ending = list(self.children if children is None else children)
        simulators = [child for child in ending if child.verb == "simulator"]
        for together in ([child for child in ending if child not in simulators], simulators):
            for child in together:
                child.terminate()
            for child in together:
                child.wait_or_kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()
