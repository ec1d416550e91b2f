"""A TCP proxy that can fall silent, lie, be slow or cut what goes through it. What is said is none of its business."""

import asyncio
from contextlib import suppress

_PIECE = 64 * 1024
# As many pieces as are on their way at once through a slow one.
_ON_ITS_WAY = 256


class Proxy:
    """Stands before a server; silent, it keeps connections, takes what comes and passes nothing on."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._behind = host, port
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        # How long each piece takes, one way (s).
        self.delay = 0.0
        # Whether each command of a Redis client is answered with +OK, and none passed on.
        self.lying = False

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
            behind, answering = await asyncio.open_connection(*self._behind)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(answering)
        try:
            await asyncio.gather(self._pass(reader, answering, liar=writer), self._pass(behind, writer))
        finally:
            self._writers -= {writer, answering}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, liar: asyncio.StreamWriter | None = None
    ) -> None:
        """Passes on what comes, in its order and after the delay; lies to `liar` instead while told to."""
        loop = asyncio.get_running_loop()
        waiting = asyncio.Queue[tuple[float, bytes]](_ON_ITS_WAY)
        passing = asyncio.create_task(self._forward(waiting, writer))
        with suppress(OSError):
            while data := await reader.read(_PIECE):
                if self.lying and liar is not None:
                    liar.write(b"+OK\r\n" * (data.startswith(b"*") + data.count(b"\r\n*")))
                else:
                    await waiting.put((loop.time() + self.delay, data))
        await waiting.put((loop.time() + self.delay, b""))
        await passing

    async def _forward(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        gone = False
        while True:
            due, data = await waiting.get()
            if not data:
                break
            if (left := due - loop.time()) > 0:
                await asyncio.sleep(left)
            await self._speaking.wait()
            with suppress(OSError):
                if not gone:
                    writer.write(data)
                    await writer.drain()
                    continue
            # The other side goes on being read, so that its end is seen.
            gone = True
        writer.close()
