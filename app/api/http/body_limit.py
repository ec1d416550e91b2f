"""How large a body may be, counted where it comes in: around the whole app, with or without a Content-Length.

An answer that leaves before its request's body has come in is followed by a short spell of reading and throwing away:
closing a connection with unread bytes resets it, and the client would never see the answer.
"""

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.problems import BodyTooLarge, problem

MOST_BYTES = 64 * 1024

_ROSTER = re.compile(r"/activities/[^/]+")
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 * 1024 * 1024


class BodyLimit:
    """Answers 413 for a body over 64 KiB; a roster may have as much as the settings say."""

    def __init__(self, app: ASGIApp, max_roster_bytes: int) -> None:
        self.app = app
        self.max_roster_bytes = max_roster_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_roster = scope["method"] == "PUT" and _ROSTER.fullmatch(scope["path"])
        await _Exchange(self.max_roster_bytes if is_roster else MOST_BYTES, scope, receive, send).run(self.app)


class _Exchange:
    """One request and its answer."""

    def __init__(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        length = headers.get(b"content-length", b"")
        self.announced = int(length) if length.isdigit() else 0
        # Without either header there is no body (RFC 9112, section 6.3).
        self.complete = not self.announced and b"transfer-encoding" not in headers
        self.most, self.scope, self.receive, self.send = most, scope, receive, send
        self.taken = 0
        self.started = self.refused = False

    async def run(self, app: ASGIApp) -> None:
        if self.announced > self.most:
            await self.refuse()
            return
        await app(self.scope, self.counted, self.answered)

    async def counted(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.taken += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if self.taken > self.most:
                if not self.started:
                    await self.refuse()
                return {"type": "http.disconnect"}
        return message

    async def refuse(self) -> None:
        """Answers 413; whatever the app still says goes nowhere."""
        answer = problem(BodyTooLarge, f"The body may have at most {self.most} bytes.")
        await answer(self.scope, self.receive, self.answered)
        self.refused = True

    async def answered(self, message: Message) -> None:
        if self.refused:
            return
        self.started = True
        if self.complete:
            await self.send(message)
        elif message["type"] == "http.response.start":
            await self.send({**message, "headers": [*message["headers"], (b"connection", b"close")]})
        elif message.get("more_body", False):
            await self.send(message)
        else:
            await self.send({**message, "more_body": True})
            await self.linger()
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def linger(self) -> None:
        left = _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while left > 0:
                    message = await self.receive()
                    left -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return
