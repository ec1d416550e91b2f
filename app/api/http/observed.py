"""What every request leaves behind: an id in its answer, one log line, its place in the figures.

The outermost layer, so that it sees what memory, the limit of bodies or no route at all has answered too. The line has
the route's template and never the address: that may hold what somebody typed, which may be a personnummer.
"""

import time
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.policies import NO_PAGE
from app.api.http.request_ids import begin_request, end_request, let_next_begin
from app.api.metrics import Metrics
from app.logs import request_logger

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Over TLS: a browser asks in no other way for a year, what stands below this host too. Over plain http it would believe
# none of it.
_OVER_TLS: Final = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]
# Unless it has a policy of its own, as pages have.
_NO_PAGE: Final = [(name.lower().encode(), value.encode()) for name, value in NO_PAGE.items()]

# For all that is no route of ours: what callers type is no label.
_UNMATCHED: Final = "unmatched"


class Observed:
    """Gives each request its id, and tells of it when its answer has ended."""

    def __init__(self, app: ASGIApp, metrics: Metrics, policy: str) -> None:
        self.app, self.metrics = app, metrics
        self._policy = (b"ratelimit-policy", policy.encode())
        self._log = request_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, note = time.perf_counter(), 0, begin_request()
        over_tls = _OVER_TLS if scope.get("scheme") == "https" else []
        id_header = (b"x-request-id", note.id.encode())

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                # as a number: an enumeration would be written as what it is called
                status = int(message["status"])
                let_next_begin()
                own = {name for name, _ in message["headers"]}
                policies = (each for each in _NO_PAGE if each[0] not in own)
                message = {**message, "headers": [*message["headers"], id_header, *over_tls, *policies]}
                if note.rate_limit is not None:
                    limits = [self._policy, (b"ratelimit", note.rate_limit.encode())]
                    message = {**message, "headers": [*message["headers"], *limits]}
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            let_next_begin()
            route = template(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            seconds = time.perf_counter() - began
            self.metrics.requests.labels(method, route, str(status) if status else "aborted").inc()
            self.metrics.seconds.labels(method, route).observe(seconds)
            self._log.info(
                "request",
                method=method,
                route=route,
                status=status or None,
                milliseconds=round(seconds * 1000, 1),
                key=note.key_handle,
                request_id=note.id,
            )
            end_request()


def template(scope: Scope) -> str:
    """Gives the template of a request's route, also where it was answered before a route was looked for."""
    if (found := scope.get("route")) is not None:
        return str(found.path)
    contexts = iter_route_contexts(scope["app"].routes)
    return next((str(each.path) for each in contexts if each.path_regex.match(scope["path"])), _UNMATCHED)
