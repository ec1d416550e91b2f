"""Serves an ASGI app of the benchmarks' own as a process: `python -m benchmarks.asgi READY_FILE MODULE:APP`."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from app.local.die_with_parent import die_with_parent
from app.local.launcher import ROOT


@contextmanager
def served(app: str, folder: Path) -> Iterator[int]:
    """Lends the port of a process that serves `app`, a name that uvicorn understands; files go into `folder`."""
    ready = folder / f"{app.partition(':')[0]}-{time.monotonic_ns()}.ready"
    command = [sys.executable, "-m", "benchmarks.asgi", str(ready), app]
    process = subprocess.Popen(die_with_parent(command), cwd=ROOT)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit(f"{app} did not start")
            time.sleep(0.02)
        yield int(ready.read_text())
    finally:
        process.terminate()
        process.wait(45)


def main(ready: Path, app: str) -> None:
    """Serves an app without a line of log, and writes its port into `ready`."""
    # With the protocol named, or asyncio leaves Nagle's algorithm on for the connections that come in.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    written = ready.with_suffix(".new")
    written.write_text(str(listening.getsockname()[1]))
    written.rename(ready)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
