"""A TCP proxy that can fall silent or cut what goes through it. What is said through it is none of its business."""

import asyncio
from contextlib import suppress

_PIECE = 64 * 1024


class Proxy:
    """Stands before a server on 127.0.0.1; silent, it keeps connections and passes nothing on."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        """Listens on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def fall_silent(self) -> None:
        """Passes nothing on until told to speak, also of connections that are made meanwhile."""
        self._speaking.clear()

    def speak(self) -> None:
        """Passes on what has been waiting, and all that comes."""
        self._speaking.set()

    def cut(self) -> None:
        """Ends all connections at once."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Stops listening and ends what is left."""
        self.speak()
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._speaking.wait()
            behind, answering = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(answering)
        try:
            await asyncio.gather(self._pass(reader, answering), self._pass(behind, writer))
        finally:
            self._writers -= {writer, answering}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._speaking.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
