"""Short requests of one key are worked on one after the other: the rest wait before the framework is asked.

Without this whoever sends many at once has as many shares of the process as requests, and every other key one. What
takes long waits for Postgres, and lets the next one begin.
"""

import asyncio
import hashlib
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.dependencies import Parts, count_request, remembered_caller
from app.api.http.cookies import SESSION
from app.api.http.problems import Busy, TooManyRequests, answer_of
from app.api.http.request_ids import under_way

# In seconds: for how long a request waits at most, and after how long the next one begins at the latest.
_WITHIN: Final = 20.0
_SHORT: Final = 0.02


class OneByOne:
    """Counts requests of keys that are known, and has each begin when the one before is answered, or takes long.

    Pages are asked for with a session's cookie, which stands for its key here, whatever other cookies are beside it,
    and whatever header of a key that is not known. Who shows neither waits for nobody.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        note = under_way()
        if scope["type"] != "http" or note is None:
            await self.app(scope, receive, send)
            return
        try:
            parts: Parts = scope["app"].state.parts
            whose = _whose(parts, scope)
            if whose is not None:
                note.let_next = await parts.beginning.enter(whose, _WITHIN)
                asyncio.get_running_loop().call_later(_SHORT, note.let_next)
        except TooManyRequests as refused:
            await answer_of(refused)(scope, receive, send)
            return
        except TimeoutError:
            busy = Busy("This key asks for too much at the same time; nothing of this was done.")
            await answer_of(busy)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _whose(parts: Parts, scope: Scope) -> UUID | None:
    """Counts a request whose key is known; gives what it waits by, None for one that shows nothing."""
    bearers, with_cookies = [], False
    for name, value in scope["headers"]:
        if name == b"authorization":
            bearers.append(value.decode("latin-1"))
        elif name == b"cookie":
            with_cookies = True
    # A page asks for the cookie alone, whatever stands in the other header.
    if bearers and (caller := remembered_caller(parts, bearers)) is not None:
        count_request(parts, caller)
        return caller.key_id
    session = SESSION.of(Request(scope)) if with_cookies else None
    return None if session is None else UUID(bytes=hashlib.sha256(session.encode()).digest()[:16])
