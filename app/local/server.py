"""One server process: how it is launched, found ready, stopped and started again. What runs in it is its subclass's."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from app.errors import Stopped
from app.local.die_with_parent import die_with_parent

_READY_WITHIN = 60.0
_TRIES = 5
# Outside the range that systems take outgoing ports from: a client that tries a closed port of that range again and
# again ends up connected to itself, and holds the port.
_PORTS = range(15_000, 30_000)


def free_port(preferred: int | None = None) -> int:
    """Finds a TCP port of 127.0.0.1 that is free now: the preferred one, if it is."""
    drawn = random.sample(_PORTS, 50)
    for port in [preferred, *drawn] if preferred else drawn:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise Stopped(f"No free TCP port on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}.")


class Server(ABC):
    """A server under `folder`; `start` returns after a real round trip, and may be called again after `stop`.

    It dies with the thread that started it. `hold` is a file descriptor that the server and all its children keep open.
    """

    name: str
    stop_signal: signal.Signals
    orphan_signal: signal.Signals

    def __init__(
        self, folder: Path, *, password: str, durable: bool, port: int | None = None, hold: int | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "log"
        self.password = password
        self.durable = durable
        self.port = port or 0
        self._hold = () if hold is None else (hold,)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Gives the address with its password, good once the server has started."""

    @abstractmethod
    def _command(self) -> tuple[list[str], bytes]:
        """Gives the program and what it reads from stdin."""

    @abstractmethod
    def _round_trip(self) -> None:
        """Asks the server something; any exception means not yet."""

    @property
    def pid(self) -> int | None:
        """Gives the process's id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Starts the server on its port (another one if that is taken) and waits until it answers. Raises Stopped."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_TRIES):
            self.port = free_port(self.port)
            began = self.log.stat().st_size if self.log.exists() else 0
            self._process = self._launch(*self._command())
            if self._answers():
                return
            self.stop(signal.SIGKILL)
            with self.log.open("rb") as log:
                log.seek(began)
                written = log.read().decode(errors="replace")
            # Lost the port between the probe and now, or a killed predecessor's last children are still going.
            if not any(passing in written for passing in ("Address already in use", "is still in use")):
                break
            time.sleep(0.2)
        raise Stopped(f"{self.name} does not start in {self.folder}:\n" + "\n".join(written.splitlines()[-8:]))

    def stop(self, number: signal.Signals | None = None, *, within: float = 30) -> None:
        """Ends the server with a signal (its own orderly one by default) and waits; past the bound it is killed."""
        if self._process is None:
            return
        self._process.send_signal(number or self.stop_signal)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        deadline = time.monotonic() + _READY_WITHIN
        while self.pid is not None and time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                self._round_trip()
                return True
            time.sleep(0.02)
        return False

    def _launch(self, program: list[str], stdin: bytes = b"") -> subprocess.Popen[bytes]:
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
            process = subprocess.Popen(
                die_with_parent(program, self.orphan_signal, not_root=self.folder),
                cwd=self.folder,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self._hold,
                start_new_session=True,  # Ctrl-C is for the user's program, which ends the server in its own time
            )
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        return process
