"""Every error as `application/problem+json` (RFC 9457), never with a value of the request in it.

`instance` is a fresh URN and not the path: a path may hold what somebody typed, which may be a personnummer.
"""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.catalogue import refusal_text
from app.errors import BodyError, Problem, Refused
from app.logs import describe_exception

MEDIA_TYPE = "application/problem+json"

_log = structlog.stdlib.get_logger(__name__)


class BadRequest(Problem):
    """A query parameter or a header is not what it should be."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorised(Problem):
    """There is no key, or none that counts."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(Problem):
    """The key does not allow this."""

    status = HTTPStatus.FORBIDDEN


class TooSlow(Problem):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class Busy(Problem):
    """There is no room for this at the moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class WrongMediaType(Problem):
    """The body is said to be something else than JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Encoded(WrongMediaType):
    """The body is compressed, or encoded in another way."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": "identity"}


_DETAILS = {
    404: "There is no such thing here.",
    405: "This address does not take this method.",
    500: "Something went wrong here. It has been logged under this problem's instance.",
    503: "The database cannot be used at the moment.",
}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}

# Our codes for what pydantic finds, with those of their values that it tells; all else is `wrong_form`.
_REFUSALS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "missing": ("missing_field", {}),
    "extra_forbidden": ("surplus_field", {}),
    "literal_error": ("not_one_of", {"allowed": "expected"}),
    "enum": ("not_one_of", {"allowed": "expected"}),
    "string_type": ("not_a_string", {}),
    "int_type": ("not_a_whole_number", {}),
    "int_parsing": ("not_a_whole_number", {}),
    "int_from_float": ("not_a_whole_number", {}),
    "dict_type": ("not_an_object", {}),
    "model_type": ("not_an_object", {}),
    "model_attributes_type": ("not_an_object", {}),
    "list_type": ("not_a_list", {}),
    "greater_than_equal": ("too_small", {"least": "ge"}),
    "less_than_equal": ("too_great", {"most": "le"}),
    "string_too_long": ("too_long", {"most": "max_length"}),
    "string_too_short": ("too_short", {"least": "min_length"}),
    "timezone_aware": ("no_time_zone", {}),
}
_ALLOWED = re.compile(r"'([^']*)'")


def problem(
    status: int,
    detail: str | None = None,
    *,
    errors: Sequence[BodyError] = (),
    headers: Mapping[str, str] | None = None,
    title: str | None = None,
    **more: Any,
) -> Response:
    """Makes the answer for an error; a title and a detail that are not given are the general ones of its status."""
    phrase = title or HTTPStatus(status).phrase
    content: dict[str, Any] = {
        "type": f"urn:provkedja:problem:{phrase.lower().replace(' ', '-')}",
        "title": phrase,
        "status": status,
        "detail": detail or _DETAILS.get(status, phrase),
        "instance": f"urn:uuid:{uuid4()}",
        **more,
    }
    if errors:
        content["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in errors]
    return Response(
        json.dumps(content), status, headers={**_HEADERS.get(status, {}), **(headers or {})}, media_type=MEDIA_TYPE
    )


def refusal(error: Mapping[str, Any]) -> tuple[str, str]:
    """Gives our code for what pydantic found, and says it in English; neither has the value, nor an unknown name."""
    code, values = _REFUSALS.get(error["type"], ("wrong_form", {}))
    told: Mapping[str, Any] = error.get("ctx") or {}
    given = {name: told.get(its) for name, its in values.items()}
    if "allowed" in given:
        given["allowed"] = _ALLOWED.findall(str(given["allowed"]))
    return code, refusal_text(code, given)


def install(app: FastAPI) -> None:
    """Makes every error that the app's routes raise a problem."""
    app.add_exception_handler(Problem, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http)


class Unhandled:
    """Outermost middleware: an exception that nobody knew is logged without its text, and answered with 500."""

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
        except Exception as exc:
            answer = problem(500)
            instance = json.loads(bytes(answer.body))["instance"]
            _log.error("unhandled", instance=instance, fault=describe_exception(exc))
            # Returning without an end makes the server close the connection, so that no half answer looks whole.
            if not started:
                await answer(scope, receive, send)


async def _ours(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)  # noqa: S101 - the handler's registration says so
    errors: Sequence[BodyError] = ()
    if isinstance(exc, Refused):
        errors = exc.errors or (BodyError("", "refused", exc.detail),)
    headers = exc.headers if isinstance(exc, Encoded) else None
    return problem(exc.status, exc.detail, errors=errors, headers=headers, title=exc.title)


async def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, StarletteHTTPException)  # noqa: S101
    headers = dict(exc.headers or {})
    if exc.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "GET")
    return problem(exc.status_code, headers=headers)


async def _invalid(_request: Request, exc: Exception) -> Response:
    """Sorts what does not fit by where it stands: in the path 404, in query or header 400; bodies are not among it."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101
    errors = [error for error in exc.errors() if isinstance(error, dict)]
    if any(error["loc"][0] == "path" for error in errors):
        return problem(404)
    first = errors[0]
    wrong = [error for error in errors if error["loc"][0] == first["loc"][0]]
    names = ", ".join(sorted({str(error["loc"][1]) for error in wrong}))
    return problem(400, f"{first['loc'][0]} {names}: {refusal(first)[1]}")


def _methods(request: Request) -> list[str]:
    """Lists what an address takes; the framework names only the first route's methods."""
    path = request.scope["path"]
    methods = {
        method.upper()
        for template, operations in request.app.openapi()["paths"].items()
        if compile_path(template)[0].match(path)
        for method in operations
    }
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
