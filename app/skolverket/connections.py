"""Connections of calls: the kernel gives one up when what a call has written stays unacknowledged for too long.

What it gives up it does not send again later, when nobody counts with it any more. The connection is closed by that
fault, so no other call gets it.
"""

import socket
import ssl
from contextvars import ContextVar
from typing import Any

import httpcore

from app.domain.egress import UNACKNOWLEDGED_FOR
from app.skolverket.trust import TlsTransport

# For how many seconds what the call under way writes may stay unacknowledged. httpcore's streams are not told whose
# bytes they write, but they write them in the task that makes the call.
unacknowledged_for: ContextVar[float] = ContextVar("unacknowledged_for", default=UNACKNOWLEDGED_FOR)
_KNOWN_HERE = hasattr(socket, "TCP_USER_TIMEOUT")


class CallTransport(TlsTransport):
    """At most `most` connections, of which `kept` are kept for later calls; `verify` says whom they believe."""

    def __init__(self, verify: ssl.SSLContext, most: int, kept: int) -> None:
        super().__init__(verify=verify, trust_env=False)
        # httpx has no parameter for what makes its connections.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=most,
            max_keepalive_connections=kept,
            keepalive_expiry=5.0,
            network_backend=_Backend(),
        )


class _Backend(httpcore.AnyIOBackend):
    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*args, **options))


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that takes over, at each write, how long the call that writes allows."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._allowed: float | None = None
        self._allow()

    def _allow(self) -> None:
        allowed = unacknowledged_for.get()
        if _KNOWN_HERE and allowed != self._allowed:
            # Nought would be the kernel's own patience, which is a quarter of an hour.
            milliseconds = max(1, round(allowed * 1000))
            raw: socket.socket = self._stream.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            self._allowed = allowed

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._allow()
        await self._stream.write(buffer, timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
