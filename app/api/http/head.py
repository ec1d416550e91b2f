"""HEAD as every GET answers it: the same status and headers, and no body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Has the routes answer HEAD as GET; a stream ends before its first piece is made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            starts = message["type"] == "http.response.start"
            if starts:
                await send(message)
            if _is_streamed(message) if starts else message.get("more_body", False):
                # From this version on a stream that cannot be written to ends, as when its client has gone.
                raise OSError

        asked = {**scope, "method": "GET", "asgi": {**scope["asgi"], "spec_version": "2.4"}}
        try:
            await self.app(asked, receive, without_body)
        finally:
            # What the layers outside this one tell of the request.
            scope["route"] = asked.get("route")
        await send({"type": "http.response.body", "body": b""})


def _is_streamed(start: Message) -> bool:
    return start["status"] == 200 and all(name != b"content-length" for name, _ in start["headers"])
