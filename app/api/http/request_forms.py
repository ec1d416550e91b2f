"""Requests that two readers could read in two ways, or that are all headers: refused, and the connection closed.

A proxy and this service must agree on where a request ends and whose it is. RFC 9112, section 6.3, lets a server refuse
a request with both lengths; of two Authorization headers each could be the one that counts.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.http.problems import HeadersTooLarge, MalformedRequest, problem
from app.errors import Problem

MOST_HEADER_BYTES: Final = 16 * 1024

_CLOSE: Final = {"Connection": "close"}


class RequestForms:
    """Lets through what can be read in one way."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := refusal_of(scope["headers"])):
            await problem(*refused, headers=_CLOSE)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def refusal_of(headers: list[tuple[bytes, bytes]]) -> tuple[type[Problem], str] | None:
    """Gives why a request with these headers, their names in small letters, is refused; None if it is not."""
    authorizations = size = lengths = codings = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"authorization":
            authorizations += 1
        elif name == b"content-length":
            lengths += 1
        elif name == b"transfer-encoding":
            codings += 1
    if size > MOST_HEADER_BYTES:
        return HeadersTooLarge, f"The headers may have at most {MOST_HEADER_BYTES} bytes."
    if authorizations > 1:
        return MalformedRequest, "Send one Authorization header."
    if lengths and codings:
        return MalformedRequest, "Send Content-Length or Transfer-Encoding, not both."
    return None
