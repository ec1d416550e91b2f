"""Calls of endpoints that callers have named: to public addresses alone, without redirects, for a short time.

A name is looked up once, and the connection is made to an address that was found then; its certificate must be of the
name. Nothing of an answer but its status is read.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpcore

from app.domain.webhooks import is_inside

# The whole of a try, from the look-up of the name on (s).
TIMEOUT: Final = 20.0
# More than tries at once: a look-up goes on after its try has been given up.
_LOOKUPS: Final = 64
_FAULTS: Final = (
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol),
    *(TimeoutError, OSError),
)


class NoAnswer(Exception):
    """Nothing was answered, for a reason that is a code of ours."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends; `to_loopback` lets this machine itself be called."""

    to_loopback: bool
    context: ssl.SSLContext = field(default_factory=httpcore.default_ssl_context)
    timeout: float = TIMEOUT
    # Of its own: whoever names servers that answer slowly must not keep names from others in this process.
    lookups: Executor = field(default_factory=lambda: ThreadPoolExecutor(_LOOKUPS, "webhook names"))

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Sends JSON, and gives the status of the answer; raises NoAnswer."""
        sent = {"Content-Type": "application/json", "User-Agent": "provkedja-webhooks", **headers}
        backend = _PublicOnly(self.to_loopback, self.lookups)
        try:
            # A connection for each try: none is kept from one look-up to the next.
            async with (
                asyncio.timeout(self.timeout),
                httpcore.AsyncConnectionPool(ssl_context=self.context, network_backend=backend) as pool,
                pool.stream("POST", url, headers=list(sent.items()), content=body) as answer,
            ):
                return int(answer.status)
        except _FAULTS as fault:
            raise NoAnswer(_code_of(fault)) from None


class _Inside(httpcore.ConnectError):
    """A name leads to an address that nothing is sent to."""


class _UnknownName(httpcore.ConnectError):
    """A name leads nowhere."""


class _PublicOnly(httpcore.AsyncNetworkBackend):
    """Connects to an address that a name leads to, if every address that it leads to may be called."""

    def __init__(self, to_loopback: bool, lookups: Executor) -> None:
        self._to_loopback = to_loopback
        self._lookups = lookups
        self._connecting = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Looks the name up and connects; raises ConnectError."""
        addresses = await self._look_up(host, port)
        # A name that leads inside as well is not to be trusted with the outside either.
        if not addresses or any(is_inside(each, to_loopback=self._to_loopback) for each in addresses):
            raise _Inside
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError):
                return await self._connecting.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._connecting.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Connects to nothing: what listens there is of this machine."""
        raise _Inside

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await self._connecting.sleep(seconds)

    async def _look_up(self, host: str, port: int) -> list[str]:
        def look_up() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(each[4][0]) for each in found))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._lookups, look_up)
        except (OSError, UnicodeError):
            raise _UnknownName from None


def _code_of(fault: BaseException) -> str:
    """Gives our code for what kept a try from its answer, from the chain of its causes."""
    seen: BaseException | None = fault
    while seen is not None:
        match seen:
            case TimeoutError() | httpcore.TimeoutException():
                return "timeout"
            case _Inside():
                return "address_inside"
            case _UnknownName():
                return "name_unknown"
            case ssl.SSLCertVerificationError():
                return "certificate_not_trusted"
            case ssl.SSLError():
                return "tls_failed"
        # httpcore's pool raises faults once more, `from None`: that leaves the cause in the context.
        seen = seen.__cause__ or seen.__context__
    return "no_connection" if isinstance(fault, httpcore.ConnectError | OSError) else "no_answer"
