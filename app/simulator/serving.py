"""Runs a simulator on a real socket: TLS, the ready file, the end on SIGTERM, and connections that can be cut."""

import asyncio
import gc
import json
import os
import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.simulator.application import create_app
from app.simulator.config import SimulatorConfig
from app.simulator.exchange import CERTIFICATE, CLOSE, CUT
from app.simulator.members import UnusableFolder, read_members

_GRACE_SECONDS = 3
_ENDINGS = (signal.SIGTERM, signal.SIGINT)


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 whose application may end the connection and see its client's certificate, as ASGI has no words for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Adds to every request's state what `exchange` wants there."""
        super().connection_made(transport)
        encrypted = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
        self.app_state = {
            **self.app_state,
            CUT: transport.abort,
            CLOSE: transport.close,
            CERTIFICATE: None if encrypted is None else encrypted.getpeercert(binary_form=True),
        }


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


def make_server(
    host: str,
    port: int,
    config: SimulatorConfig,
    ready_file: Path | None = None,
    tls: Path | None = None,
    record: Path | None = None,
) -> SimulatorServer:
    """Makes the server of a new simulator; port 0 takes any free one.

    tls is the folder that `members` describes, record the file that `recording` does. Raises UnusableFolder.
    """
    encryption: dict[str, Any] = {}
    members = None
    if tls is not None:
        members = read_members(tls)
        encryption = {
            "ssl_certfile": tls / "server.pem",
            "ssl_keyfile": tls / "server.key",
            "ssl_ca_certs": str(tls / "clients.pem"),
            # Asked of everybody, wanted at /transaction alone: a token is all that the rest is about.
            "ssl_cert_reqs": ssl.CERT_OPTIONAL,
        }
    served = uvicorn.Config(
        create_app(config, members=members, record=record),
        host=host,
        port=port,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,  # paths are fine, but the ledger has them and a demonstration's terminal is for people
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        **encryption,
    )
    try:
        served.load()
    except OSError as error:  # ssl.SSLError is one
        raise UnusableFolder("server.pem, server.key or clients.pem in the folder for TLS is malformed") from error
    return SimulatorServer(served, ready_file)


def run(
    host: str = "127.0.0.1",
    port: int = 8100,
    config: SimulatorConfig | None = None,
    ready_file: Path | None = None,
    *,
    tls: Path | None = None,
    record: Path | None = None,
) -> None:
    """Serves a simulator until SIGTERM or SIGINT, then returns, so that the process may exit with 0.

    Raises UnusableFolder, and SystemExit when the address is taken.
    """
    server = make_server(host, port, config or SimulatorConfig(), ready_file, tls, record)
    # What it holds only grows: going through all of it for garbage would take longer than calls are apart, and calls
    # that came meanwhile would seem to have come together.
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000_000)
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
