"""What becomes of an error that is raised: a problem, whoever raised it."""

import asyncio

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.ids import missing
from app.api.http.observed import template
from app.api.http.problems import (
    BadRequest,
    Forbidden,
    InternalError,
    InvalidHeader,
    MethodNotAllowed,
    Restarting,
    answer_of,
    entry_of,
    problem,
)
from app.api.http.refusals import refusal
from app.errors import NotFound, Problem
from app.logs import describe_exception

_log = structlog.stdlib.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Makes every error that the app's routes raise a problem."""
    app.add_exception_handler(Problem, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http)


class Unhandled:
    """An exception that nobody knew is logged without its text, and answered with 500.

    It stands twice: next to the routes, so that the layers around it see the answer, and around those for their own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The process ends, and has waited for as long as it does.
            if not started:
                await problem(Restarting)(scope, receive, send)
            raise
        except Exception as exc:
            answer = problem(InternalError)
            _log.error("unhandled", fault=describe_exception(exc))
            # Returning without an end makes the server close the connection, so that no half answer looks whole.
            if not started:
                await answer(scope, receive, send)


async def _ours(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)  # noqa: S101 - the handler's registration says so
    if isinstance(exc, Forbidden):
        await note_refused(request, exc)
    return answer_of(exc)


async def note_refused(request: Request, exc: Forbidden) -> None:
    """Notes in the audit that a key that counts was refused."""
    await request.app.state.parts.refusals.refused(entry_of(type(exc)).slug, request.method, template(request.scope))


async def _http(request: Request, exc: Exception) -> Response:
    """Answers what the framework itself raises: for an address or a method that no route has."""
    match exc:
        case StarletteHTTPException(status_code=404):
            return answer_of(NotFound("There is no such address."))
        case StarletteHTTPException(status_code=405, headers=headers):
            allowed = _methods(request, (headers or {}).get("Allow", "GET"))
            return problem(MethodNotAllowed, headers={"Allow": ", ".join(allowed)})
    raise exc


async def _invalid(_request: Request, exc: Exception) -> Response:
    """Sorts what does not fit by where it stands: in the path 404, in query or header 400; bodies are not among it."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101
    errors = [error for error in exc.errors() if isinstance(error, dict)]
    for error in errors:
        if error["loc"][0] == "path":
            return answer_of(missing(error["loc"][1]))
    first = errors[0]
    wrong = [error for error in errors if error["loc"][0] == first["loc"][0]]
    names = ", ".join(sorted({str(error["loc"][1]) for error in wrong}))
    cause = BadRequest if first["loc"][0] == "query" else InvalidHeader
    return problem(cause, f"{first['loc'][0]} {names}: {refusal(first)[1]}")


def _methods(request: Request, first: str) -> list[str]:
    """Lists what an address takes; of pages, which are not described, what the framework names: the first route's."""
    described = request.app.openapi()["paths"]
    templates = [template for template in described if compile_path(template)[0].match(request.scope["path"])]
    # `…/records/search` is no record.
    closest = min(templates, key=lambda template: template.count("{"), default=None)
    methods = set(first.split(", ")) if closest is None else {method.upper() for method in described[closest]}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
