"""The figures of the API's process, on a port of their own: whoever reaches that needs no key."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.dependencies import Parts
from app.api.metrics import Shared, Together
from app.db.acting import EVERYBODY
from app.db.backlog import backlog
from app.db.circuits import service_states
from app.db.sealed import sealed_with
from app.db.workers import all_workers
from app.own_certificate import OwnCertificate
from app.server.connections import configured

PORT = 9100
_TIMEOUT_SECONDS = 3.0

_log = structlog.stdlib.get_logger(__name__)


class _Server(uvicorn.Server):
    """One beside the API's, which hears the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def figures_served(
    parts: Parts, host: str, port: int, certificate: OwnCertificate | None = None
) -> AsyncIterator[int]:
    """Serves `/metrics` meanwhile and gives the port, 0 takes any free one; where nobody can listen, gives 0."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as problem:
        _log.warning("metrics are not served", host=host, port=port, reason=problem.strerror)
        yield 0
        return
    with listening:
        taken = int(listening.getsockname()[1])
        _log.info("metrics are served", host=host, port=taken)
        server = _Server(configured(figures_app(parts), certificate))
        serving = asyncio.create_task(_serve(server, listening))
        try:
            yield taken
        finally:
            server.should_exit = True
            await serving


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serves; uvicorn's lines say of which server they are, since the API's writes the same."""
    with structlog.contextvars.bound_contextvars(server="metrics"):
        await server.serve(sockets=[listening])


def figures_app(parts: Parts) -> Starlette:
    """Makes the app that answers with the figures."""

    async def metrics(_request: Request) -> Response:
        shared = CollectorRegistry(auto_describe=False)
        shared.register(Shared(await _together(parts)))
        text = generate_latest(parts.metrics.registry) + generate_latest(shared)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Starlette(routes=[Route("/metrics", metrics)])


async def _together(parts: Parts) -> Together | None:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), parts.snapshot(EVERYBODY) as conn:
            return Together(
                await backlog(conn), await service_states(conn), await all_workers(conn), await sealed_with(conn)
            )
    except (SQLAlchemyError, TimeoutError, OSError):
        return None
