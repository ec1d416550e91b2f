"""The API as a process: uvicorn, a ready file, an end on SIGTERM that lets requests finish."""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from socket import socket
from types import FrameType

import structlog
import uvicorn

from app.api.dependencies import Parts
from app.build import log_start
from app.db.engine import check
from app.db.outages import DatabaseUnusable
from app.own_certificate import own_certificate
from app.ready import say_ready
from app.runtime import running
from app.server.app import create_app
from app.server.connections import configured
from app.server.figures import PORT, figures_served
from app.settings import Settings

_GRACE_SECONDS = 20
# After so many new objects cycles are looked for, and after so many times among what has stayed: a page of a list makes
# some thousands of objects, and the few cycles there are can wait.
_GARBAGE = (20_000, 20, 50)

_log = structlog.stdlib.get_logger(__name__)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stop: Callable[[], None], ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._stop, self._ready = stop, ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Uvicorn's own raises the signal again at the end, and the process would not exit with 0.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        # First of all: it waits for answers to end, and an event stream would go on.
        self._stop()
        await super().shutdown(sockets)


async def serve_api(
    settings: Settings, host: str, port: int, ready_file: Path | None = None, stop: threading.Event | None = None
) -> None:
    """Serves the API until SIGTERM or SIGINT, or until `stop` is set; port 0 takes any free one."""
    certificate = own_certificate(settings)
    async with running(settings, pool=20, name="provkedja api", signs_in=True) as runtime:
        log_start("serve", settings)
        await _look_at_the_database(settings.database_url.get_secret_value())
        app = create_app(runtime)
        # What is there by now stays: going through all of it again and again would hold up the answers of the moment.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        config = configured(app, certificate, host=host, port=port, timeout_graceful_shutdown=_GRACE_SECONDS)
        parts: Parts = app.state.parts
        metrics_port = PORT if settings.metrics_port is None else settings.metrics_port
        async with (
            parts.runs.watching(),
            figures_served(parts, settings.metrics_host, metrics_port, certificate) as figures_port,
        ):
            server = _Server(config, parts.stop, partial(say_ready, ready_file, metrics_port=figures_port))
            watching = asyncio.create_task(_watch(server, stop)) if stop else None
            await server.serve()
        if watching:
            await watching


async def _look_at_the_database(address: str) -> None:
    """Says what is wrong with it; what may pass is answered with 503 until it has passed."""
    try:
        await check(address, name="provkedja api start")
    except DatabaseUnusable as unusable:
        if not unusable.may_pass:
            raise
        _log.warning("database unavailable", reason=str(unusable))


async def _watch(server: uvicorn.Server, stop: threading.Event) -> None:
    await asyncio.to_thread(stop.wait)
    server.should_exit = True
