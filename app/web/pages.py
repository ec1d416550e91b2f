"""How pages leave: under a policy that lets nothing in from elsewhere, kept by nobody; what fails is a page too."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.api.http.handlers import note_refused
from app.api.http.problems import Busy, Forbidden, TooManyFailures, TooManyRequests, entry_of
from app.api.outages import is_outage, log_outage
from app.catalogue import Language
from app.errors import Conflict, Problem
from app.logs import describe_exception
from app.web.paths import address, in_other_language, is_ours
from app.web.render import render
from app.web.visitors import AnOperator, AnyVisitor, SignedOut

_log = structlog.stdlib.get_logger(__name__)

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # Not `no-referrer`: browsers would say `Origin: null` of our own forms, as they do of those that have no origin.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    # Another site's page that opens one of ours, or names it as a picture or a script, gets nothing of it.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_WITH_WORDS: Final = frozenset({400, 403, 404, 503})


class PageRoute(APIRoute):
    """A route whose answers are pages: those of its errors too, and what needs a session leads to the sign-in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except SignedOut:
                response = _to_sign_in(request)
            except AnOperator:
                response = _to_operations(request)
            except ClientDisconnect:
                raise
            except Exception as exc:
                if isinstance(exc, Forbidden):
                    await note_refused(request, exc)
                response = show_failure(request, exc)
            response.headers.update(HEADERS)
            return response

        return answer


def show_page(
    request: Request, template: str, visitor: AnyVisitor | None = None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Answers with a page, or with a part of one, in the language of its address; `visitor` is who is signed in."""
    language = language_in(request)
    other = in_other_language(request.url.path, request.url.query, language)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return HTMLResponse(render(template, language, visitor=visitor, other_language=other, here=here, **values), status)


def go_to(page: str, language: Language, /, **given: Any) -> RedirectResponse:
    """Sends the browser to a page after a form: what it asks for again does nothing twice."""
    return RedirectResponse(address(page, language, **given), HTTPStatus.SEE_OTHER)


def show_failure(request: Request, exc: Exception) -> Response:
    """Answers with the page of an error, in its cause's own words where it can't be done as things stand."""
    status, texts = _status(exc), None
    if isinstance(exc, Conflict | Busy | TooManyRequests | TooManyFailures):
        texts = getattr(entry_of(type(exc)), language_in(request))
    code = status if status in _WITH_WORDS else 400 if status < 500 else 500
    return show_page(request, "error.html", status=status, code=code, texts=texts, page="error")


def _status(exc: Exception) -> int:
    if isinstance(exc, Problem):
        return entry_of(type(exc)).status
    if isinstance(exc, HTTPException):
        return exc.status_code
    if isinstance(exc, RequestValidationError):
        return 404 if any(error["loc"][0] == "path" for error in exc.errors()) else 400
    if is_outage(exc):
        log_outage(exc)
        return 503
    _log.error("unhandled", fault=describe_exception(exc))
    return 500


def _to_sign_in(request: Request) -> Response:
    language = language_in(request)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # Whoever was sent away from a form begins with its page, and a part of a page is no page.
    following = asked if request.method in {"GET", "HEAD"} and is_ours(asked) else None
    if "hx-request" in request.headers:
        return Response(status_code=200, headers={"HX-Redirect": address("sign_in", language)})
    return go_to("sign_in", language, next=following)


def _to_operations(request: Request) -> Response:
    """Leads an operator to what there is for operators; what somebody else's form asks for is refused."""
    if request.method in {"GET", "HEAD"}:
        return go_to("operations", language_in(request))
    return show_failure(request, Forbidden("This key is an operator's: it changes nothing here."))


def language_in(request: Request) -> Language:
    """Gives the language that an address asks for, whatever else is wrong with it."""
    return "en" if request.query_params.get("lang") == "en" else "sv"
