"""Runs a simulator on a real socket: the ready file, the end on SIGTERM, and connections that can be cut."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.simulator.application import create_app
from app.simulator.config import SimulatorConfig
from app.simulator.exchange import CUT

_GRACE_SECONDS = 3
_ENDINGS = (signal.SIGTERM, signal.SIGINT)


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 whose application may close the connection without an answer, which ASGI has no word for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, CUT: self._cut}

    def _cut(self) -> None:
        self.transport.abort()


class SimulatorServer(uvicorn.Server):
    """A server that says on which port it listens once it does."""

    def __init__(self, config: uvicorn.Config, ready_file: Path | None = None) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.port = 0
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Starts to listen, then writes `{"port": n}` to the ready file in one piece."""
        await super().startup(sockets)
        if not self.started:
            return
        self.port = self.servers[0].sockets[0].getsockname()[1]
        if self._ready_file is not None:
            draft = self._ready_file.with_name(f"{self._ready_file.name}.{os.getpid()}")
            draft.write_text(json.dumps({"port": self.port}))
            draft.replace(self._ready_file)
        self.listening.set()


def make_server(host: str, port: int, config: SimulatorConfig, ready_file: Path | None = None) -> SimulatorServer:
    """Makes the server of a new simulator; port 0 takes any free one."""
    return SimulatorServer(
        uvicorn.Config(
            create_app(config),
            host=host,
            port=port,
            http=CuttableProtocol,
            ws="none",
            lifespan="off",
            access_log=False,  # paths are fine, but the ledger has them and a demonstration's terminal is for people
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        ),
        ready_file,
    )


def run(
    host: str = "127.0.0.1",
    port: int = 8100,
    config: SimulatorConfig | None = None,
    ready_file: Path | None = None,
) -> None:
    """Serves a simulator until SIGTERM or SIGINT, then returns, so that the process may exit with 0.

    Raises SystemExit when the address is taken.
    """
    server = make_server(host, port, config or SimulatorConfig(), ready_file)
    with _endings_are_final():
        server.run()


@contextmanager
def _endings_are_final() -> Iterator[None]:
    # uvicorn raises the signal that ended it once more for the handlers that were there before, whose default kills us.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {ending: signal.signal(ending, lambda *_: None) for ending in _ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
