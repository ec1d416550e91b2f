"""Lists and other large answers, compressed for those who accept it.

A compressed answer has an ETag of its own, with the coding behind it; whoever sends that back means the same version.

To guess a secret from the lengths of compressed answers (BREACH), somebody needs a browser that sends the secret's
credential by itself, to an address that repeats what the attacker chose. Keys are sent by the caller's own program.
What is asked for with a cookie, which a browser does send by itself, is never compressed.
"""

import asyncio
import zlib
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.answers import weights

LEAST_BYTES: Final = 1024
# More than this would hold up the others on the loop for milliseconds.
_AT_ONCE: Final = 16 * 1024
_LEVEL: Final = 4
_MEDIA_TYPES: Final = frozenset({b"application/json", b"application/jsonl", b"text/csv", b"text/html"})
_CONDITIONS: Final = frozenset({b"if-match", b"if-none-match"})
_VARY: Final = (b"vary", b"Accept-Encoding")
_SUFFIX: Final = b"-gzip"


class Compressed:
    """Sends what is worth it as gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        accepted, has_cookie, tagged = "", False, False
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = f"{accepted},{value.decode('latin-1')}"
            elif name == b"cookie":
                has_cookie = True
            elif name in _CONDITIONS and _SUFFIX in value:
                tagged = True
        if tagged:
            # In place: the layers outside look at the scope afterwards.
            scope["headers"] = [_untagged(*header) for header in scope["headers"]]
        if has_cookie:
            await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, _Sender(send, accepts_gzip(accepted), tagged).send)


@lru_cache(maxsize=128)
def accepts_gzip(accept_encoding: str) -> bool:
    """Decides an Accept-Encoding (RFC 9110, section 12.5.3); whoever likes the plain form better gets that."""
    given = dict(weights(accept_encoding))
    gzip = given.get("gzip", given.get("x-gzip", given.get("*", 0.0)))
    return gzip > 0 and gzip >= given.get("identity", 0.0)


def _untagged(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return (name, value.replace(_SUFFIX + b'"', b'"')) if name in _CONDITIONS else (name, value)


class _Sender:
    """Takes one answer's messages."""

    def __init__(self, send: Send, accepts: bool, tagged: bool) -> None:
        self._send, self._accepts, self._tagged = send, accepts, tagged
        self._start: Message | None = None
        self._packer: zlib._Compress | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._packer is not None:
            await self._send({**message, "body": await self._packed(message)})
        elif self._start is not None:
            await self._first(self._start, message)
        else:
            await self._send(message)

    async def _begin(self, start: Message) -> None:
        headers = start["headers"]
        if start["status"] == 304:
            # That of the form that the caller has.
            made = [_tagged(*each) for each in headers] if self._accepts and self._tagged else headers
            await self._send({**start, "headers": [*made, _VARY]})
        elif start["status"] == 200 and _is_worth_it(headers):
            start = {**start, "headers": [*headers, _VARY]}
            if self._accepts:
                self._start = start
            else:
                await self._send(start)
        else:
            await self._send(start)

    async def _first(self, start: Message, message: Message) -> None:
        """Sends an answer's head once it shows how long the answer is."""
        self._start = None
        whole = not message.get("more_body", False)
        if whole and len(message.get("body", b"")) < LEAST_BYTES:
            await self._send(start)
            await self._send(message)
            return
        self._packer = zlib.compressobj(_LEVEL, wbits=31)
        body = await self._packed(message)
        headers = [_tagged(*each) for each in start["headers"] if each[0] != b"content-length"]
        length = [(b"content-length", str(len(body)).encode())] if whole else []
        await self._send({**start, "headers": [*headers, (b"content-encoding", b"gzip"), *length]})
        await self._send({**message, "body": body})

    async def _packed(self, message: Message) -> bytes:
        packer, body = self._packer, message.get("body", b"")
        assert packer is not None  # noqa: S101 - whoever calls has made it
        packed = await asyncio.to_thread(packer.compress, body) if len(body) > _AT_ONCE else packer.compress(body)
        return packed if message.get("more_body", False) else packed + packer.flush()


def _is_worth_it(headers: list[tuple[bytes, bytes]]) -> bool:
    kinds = [value.partition(b";")[0].strip() for name, value in headers if name == b"content-type"]
    return kinds[-1:] != [] and kinds[-1] in _MEDIA_TYPES and all(name != b"content-encoding" for name, _ in headers)


def _tagged(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return (name, value[:-1] + _SUFFIX + b'"') if name == b"etag" and value.endswith(b'"') else (name, value)
