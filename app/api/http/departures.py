"""Reading ends when whoever asked has gone: its statement is cancelled at Postgres. What writes is finished."""

import asyncio
import re
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Beside GET: searches have what they look for in a body.
_SEARCH: Final = re.compile(r"/objects/search|/jobs/[^/]+/records/search")


class Departures:
    """Cancels a request that reads once its client has gone.

    It stands inside the limit of bodies: what it takes in for the app is bounded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reads = scope["type"] == "http" and (
            scope["method"] == "GET" or (scope["method"] == "POST" and _SEARCH.fullmatch(scope["path"]))
        )
        if not reads:
            await self.app(scope, receive, send)
            return
        await _Reading(receive).run(self.app, scope, send)


class _Reading:
    """One request, and the watch over whoever has sent it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._come: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = self._ended = False

    async def run(self, app: ASGIApp, scope: Scope, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server runs each request in one
        watching = asyncio.create_task(self._watch(task))
        try:
            await app(scope, self._come.get, send)
        except asyncio.CancelledError:
            if not self._gone or task.uncancel():
                raise
            raise ClientDisconnect from None
        finally:
            self._ended = True
            watching.cancel()

    async def _watch(self, task: asyncio.Task[object]) -> None:
        while True:
            message = await self._receive()
            self._come.put_nowait(message)
            if message["type"] == "http.disconnect":
                if not self._ended:
                    self._gone = True
                    task.cancel()
                return
