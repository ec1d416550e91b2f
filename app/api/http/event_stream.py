"""Server-sent events as they go over the wire (WHATWG HTML, section 9.2), and how they are described.

The description is of the text: schemas of single events came with OpenAPI 3.2, which generators of clients refuse.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from app.api.http.streams import Streamed

MEDIA_TYPE: Final = "text/event-stream"
# In seconds: proxies end what is silent for half a minute or a minute.
HEARTBEAT: Final = 15.0
# How long a browser waits before it asks again (ms).
RETRY: Final = "retry: 2000\n\n"
STILL_THERE: Final = ": still there\n\n"
NOTHING: Final = "{}"


def event(name: str, data: str, id_: str | None = None) -> str:
    """Writes an event; `data` is JSON on one line. With an id one can go on behind it."""
    return f"event: {name}\ndata: {data}\n" + (f"id: {id_}\n\n" if id_ else "\n")


def id_alone(id_: str) -> str:
    """Writes an id that no event has: whoever asks again goes on from it."""
    return f"id: {id_}\n\n"


class EventStream(Streamed):
    """Answers with events that nobody keeps, and no proxy holds back."""

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncGenerator[str], ended: Callable[[], None]) -> None:
        """Takes the events, and what is called once the stream is no more."""
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


def described_events(description: str, example: str) -> dict[int | str, dict[str, Any]]:
    """Describes a stream and its end, for the interface's description."""
    content = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": example}}
    return {
        200: {"description": description, "content": content},
        204: {"description": "It has finished, and all was sent up to `Last-Event-ID`: do not ask again."},
    }
