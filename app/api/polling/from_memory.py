"""Answers polls of what is in memory before the framework is asked: most of them find nothing new.

It decides nothing of its own. Whatever it is not sure of goes on to the routes, which answer the same.
"""

import re
from types import SimpleNamespace
from typing import Final
from uuid import UUID

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.dependencies import Parts, count_request, remembered_caller, viewer_of
from app.api.http.answers import Polled
from app.api.http.problems import TooManyRequests, answer_of
from app.api.limits.limits import FROM_MEMORY
from app.security.keys import Caller

_POLLED: Final = re.compile(r"/(runs|jobs)/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
# For the figures, which know a route by its template.
_ROUTES: Final = {"runs": SimpleNamespace(path="/runs/{run_id}"), "jobs": SimpleNamespace(path="/jobs/{job_id}")}
_BODY: Final = frozenset((b"content-length", b"transfer-encoding"))


class FromMemory:
    """Answers GET of a run or a job with 304, or with what it is, for a caller who is known too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = None
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]:
            asked = _POLLED.fullmatch(scope["path"])
        try:
            found = _find(scope, asked) if asked else None
        except TooManyRequests as refused:
            await answer_of(refused)(scope, receive, send)
            return
        if found is None or asked is None:
            await self.app(scope, receive, send)
            return
        answer, known = found
        scope["route"] = _ROUTES[asked[1]]
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        if not known:
            length = str(len(answer.body)).encode()
            headers += [(b"content-length", length), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 304 if known else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if known else answer.body})


def _find(scope: Scope, asked: re.Match[str]) -> tuple[Polled, bool] | None:
    """Gives the answer and whether the caller has it already; None unless all of it is known to be right."""
    parts: Parts = scope["app"].state.parts
    bearers, tags = list[str](), list[str]()
    for name, value in scope["headers"]:
        if name == b"authorization":
            bearers.append(value.decode("latin-1"))
        elif name == b"if-none-match":
            tags.append(value.decode("latin-1"))
        elif name in _BODY:
            return None
    caller = remembered_caller(parts, bearers)
    if not isinstance(caller, Caller) or not caller.may("history", "provision"):
        return None
    if caller.school_units is not None:
        # What is kept is of all of a run.
        return None
    id_, runs = UUID(asked[2]), parts.runs
    run = runs.remembered_run(id_) if asked[1] == "runs" else runs.remembered_run_of_job(id_)
    if run is None or run.organisation_id != caller.organisation_id:
        return None
    if not viewer_of(caller, parts).may_see_run(run.made_by):
        return None
    answer = run.answer if asked[1] == "runs" else run.jobs[id_]
    count_request(parts, caller, FROM_MEMORY)
    return answer, answer.is_known(", ".join(tags))
