"""Whoever is told by webhooks: a server on a socket that answers 204 and keeps what it was sent, byte for byte."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SIGNATURE = re.compile(rb"(\r\nwebhook-signature: )[^\r]*", re.IGNORECASE)


@dataclass
class Receiver:
    """Takes webhooks until it is closed. `got` has each request whole: address, headers, body."""

    got: list[bytes] = field(default_factory=list, repr=False)
    url: str = ""

    async def open(self) -> None:
        """Listens; `url` says where."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def close(self) -> None:
        """Listens no more."""
        if self.url:
            self._server.close()

    def texts(self) -> Iterator[tuple[str, str]]:
        """Gives what came, as places with their text, but for the signatures: in base64 short names stand by chance."""
        for each in self.got:
            yield "what a webhook was sent", _SIGNATURE.sub(rb"\1", each).decode("utf-8", "replace")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = b""
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(request)
            request += await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except asyncio.IncompleteReadError as cut:
            # Whoever sends may be killed in the middle.
            request += cut.partial
        except OSError:
            pass
        finally:
            self.got.append(request)
            writer.close()
