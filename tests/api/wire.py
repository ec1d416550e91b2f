"""Between the service and Postgres: a proxy that counts round trips, and can be a dead network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_READY = ord("Z")


class Wire:
    """A way to the server behind an address; `address` leads through it."""

    def __init__(self, address: str) -> None:
        self._behind = urlsplit(address)
        self.address = ""
        self.round_trips = self.connections = 0
        self._passing: list[_Passing] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Wire"]:
        """Stands meanwhile."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        user, _, _ = self._behind.netloc.rpartition("@")
        port = server.sockets[0].getsockname()[1]
        netloc, query = f"{user}@127.0.0.1:{port}", "sslmode=disable&gssencmode=disable"
        self.address = self._behind._replace(netloc=netloc, query=query).geturl()
        try:
            yield self
        finally:
            server.close()
            for each in self._passing:
                each.end()
            await server.wait_closed()

    def fall_silent(self) -> None:
        """Takes everything on the connections there are, and passes nothing on; new ones are not concerned."""
        for each in self._passing:
            each.silent = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answering, asking = await asyncio.open_connection(self._behind.hostname, self._behind.port)
        passing = _Passing(self, writer, asking)
        self._passing.append(passing)
        await asyncio.gather(passing.questions(reader, asking), passing.answers(answering, writer))


class _Passing:
    """One connection."""

    def __init__(self, wire: Wire, *ends: asyncio.StreamWriter) -> None:
        self._wire, self._ends = wire, ends
        self._asked = self.silent = False

    def end(self) -> None:
        for each in self._ends:
            each.transport.abort()

    async def questions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self._wire.round_trips += not self._asked
                self._asked = True
                if not self.silent:
                    writer.write(data)
        writer.close()

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                message = head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
                if head[0] == _READY:
                    self._asked = False
                if not self.silent:
                    writer.write(message)
        writer.close()
