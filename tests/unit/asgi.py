"""Middleware by itself: one request to it, over an app that gives what a test says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Got:
    """What came out: the status, the headers in lower case, the body as it went over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def exchange(
    wrap: Callable[[ASGIApp], ASGIApp],
    answer: Iterable[bytes],
    *,
    method: str = "GET",
    given: Mapping[str, str] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    asked: list[Scope] | None = None,
) -> Got:
    """Sends a request with the headers `given`; the app answers with `status`, `headers` and these pieces.

    What the app was asked is added to `asked`.
    """
    pieces = list(answer)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if asked is not None:
            asked.append(scope)
        await send({"type": "http.response.start", "status": status, "headers": _raw(headers)})
        for place, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": place < len(pieces)})

    async def receive() -> Message:
        raise AssertionError("nobody reads the body")

    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/", "headers": _raw(given), "asgi": {}}
    await wrap(app)(scope, receive, send)
    start, *rest = sent
    shown: dict[str, str] = {}
    for name, value in start["headers"]:
        before = shown.get(name.decode())
        shown[name.decode()] = value.decode() if before is None else f"{before}, {value.decode()}"
    return Got(start["status"], shown, b"".join(message["body"] for message in rest))


def _raw(headers: Mapping[str, str] | None) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
