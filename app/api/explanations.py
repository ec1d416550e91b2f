"""What every code means and what to do about it, for programs and for people: public, since it is about nobody."""

from functools import cache, lru_cache
from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.answers import Polled, prefers_html
from app.api.schemas import CodeExplanation, Page, WholeCodeExplanation
from app.errors import NotFound
from app.views.explanation import explanation_page, show_explanation, show_explanations

router = APIRouter(tags=["Explanations"])

_HEADERS = {
    # The texts are those of this version of the service.
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
}
_BOTH: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON, or a page for who prefers text/html.", "content": {"text/html": {}}},
    304: {"description": "Nothing has changed since If-None-Match."},
}


@router.get("/explanations", summary="List all codes", response_model=Page[CodeExplanation], responses=_BOTH)
async def list_explanations(request: Request) -> Response:
    """Lists what every code means and what to do: of findings, messages, jobs, refused bodies, and the operation.

    All on one page. Needs no key.
    """
    return _answer(request, *_all(html=_prefers_page(request)))


@router.get(
    "/explanations/{code}", summary="Read what a code means", response_model=WholeCodeExplanation, responses=_BOTH
)
async def get_explanation(code: str, request: Request) -> Response:
    """Says what a code means, what to do about it, and who can. Needs no key."""
    found = _one(code, html=_prefers_page(request))
    if found is None:
        raise NotFound("There is no such code.")
    return _answer(request, *found)


@cache
def _all(*, html: bool) -> tuple[Polled, str]:
    shown = show_explanations()
    if html:
        return Polled.of_page(explanation_page(shown)), "text/html; charset=utf-8"
    return Polled.of({"data": shown, "next_cursor": None}, finished=True), "application/json"


@lru_cache(maxsize=512)
def _one(code: str, *, html: bool) -> tuple[Polled, str] | None:
    shown = show_explanation(code)
    if shown is None:
        return None
    if html:
        return Polled.of_page(explanation_page([shown, *shown["also"]])), "text/html; charset=utf-8"
    return Polled.of(shown, finished=True), "application/json"


def _prefers_page(request: Request) -> bool:
    return prefers_html(", ".join(request.headers.getlist("accept")))


def _answer(request: Request, content: Polled, media_type: str) -> Response:
    headers = {**_HEADERS, "ETag": content.etag}
    if content.is_known(", ".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=304, headers=headers)
    return Response(content.body, headers=headers, media_type=media_type)
