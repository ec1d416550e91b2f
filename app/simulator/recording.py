"""Writes whole exchanges into a file of JSON Lines, for whoever wants to hold them against the published documents.

The ledger has a line a call and no content; this has the content, and so only test data may come near it.
"""

import json
from base64 import b64encode
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.simulator.ledger import Call

# Where an exchange leaves its ledger entry: in the request's state. Calls without one are not recorded.
CALL = "call"


class Recorder:
    """An ASGI application around another that appends one line for each exchange when it is over.

    A line has number, method, url, request_headers, request_body, status, response_headers, response_body, planted.
    Bodies are base64, header names in lower case, the token of an Authorization header is left out; status is None
    when no answer was begun. Each line is one write, so that several processes may share a file. Raises OSError when it
    cannot write there.
    """

    def __init__(self, application: ASGIApp, file: Path) -> None:
        self._application, self._file = application, file
        file.open("ab").close()  # what cannot be written is better known now than in the middle of an exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes an exchange through and writes it down, also when it ends badly."""
        received, sent = bytearray(), bytearray()
        head: Message = {}

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                received.extend(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            elif scope["method"] != "HEAD":
                sent.extend(message.get("body", b""))
            await send(message)

        try:
            await self._application(scope, receiving, sending)
        finally:
            call: Call | None = scope.get("state", {}).get(CALL)
            if call is not None:
                self._write(scope, call, bytes(received), head, bytes(sent))

    def _write(self, scope: Scope, call: Call, received: bytes, head: Message, sent: bytes) -> None:
        headers = _read_headers(scope["headers"])
        if "authorization" in headers:
            headers["authorization"] = f"{headers['authorization'].partition(' ')[0]} ..."
        line = {
            "number": call.number,
            "method": scope["method"],
            "url": _url(scope, headers.get("host", "")),
            "request_headers": headers,
            "request_body": b64encode(received).decode(),
            "status": head.get("status"),
            "response_headers": _read_headers(head.get("headers", [])),
            "response_body": b64encode(sent).decode(),
            "planted": call.planted,
        }
        with self._file.open("ab", buffering=0) as file:
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _url(scope: Scope, host: str) -> str:
    query = scope["query_string"].decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    return f"{scope['scheme']}://{host}{path}{'?' if query else ''}{query}"


def _read_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
