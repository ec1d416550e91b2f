"""HEAD as every GET answers it: the same status and headers, and no body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Has the routes answer HEAD as GET; a stream ends before its first piece."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
            elif message.get("more_body", False):
                # From this version on a stream that cannot be written to ends, as when its client has gone.
                raise OSError

        asked = {**scope, "method": "GET", "asgi": {**scope["asgi"], "spec_version": "2.4"}}
        await self.app(asked, receive, without_body)
        await send({"type": "http.response.body", "body": b""})
