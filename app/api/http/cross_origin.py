"""Web pages of other origins that may call with a key: those that the settings name, and no others (Fetch, CORS).

No credentials of a browser's own are ever allowed: a page sends its key itself, and cookies stay with their origin.
"""

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a page may send beside what every page may.
_SENT: Final = b"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID"
# What a page may read of an answer beside what every page may.
_READ: Final = (
    b"ETag, Location, Retry-After, X-Request-ID, Idempotent-Replayed, RateLimit, RateLimit-Policy,"
    b" Content-Disposition, Deprecation, Sunset"
)
_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ASK_AGAIN_AFTER: Final = b"600"
_VARY: Final = (b"vary", b"Origin")


class CrossOrigin:
    """Answers a browser that asks beforehand, without a key, and lets pages of these origins read every answer."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self.app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"])
        origin = given.get(b"origin")
        allowed = [(b"access-control-allow-origin", origin)] if origin in self._origins else []
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
            headers = [
                *(*allowed, _VARY),
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _SENT),
                (b"access-control-max-age", _ASK_AGAIN_AFTER),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        # Also for whoever is not allowed: what is kept between must not be given to one in place of the other.
        more = [*allowed, (b"access-control-expose-headers", _READ), _VARY] if allowed else [_VARY]

        async def letting_read(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self.app(scope, receive, letting_read)


def origins_of(setting: str) -> list[str]:
    """Splits the setting into origins."""
    return [origin.strip() for origin in setting.split(",") if origin.strip()]
