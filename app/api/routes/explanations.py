"""What every code means and what to do about it, for programs and for people: public, since it is about nobody."""

from functools import cache, lru_cache

from fastapi import APIRouter, Request, Response

from app.api.http.references import BOTH_FORMS, Reference
from app.api.schemas.explanations import CodeExplanation, WholeCodeExplanation
from app.api.schemas.parts import Page
from app.errors import NotFound
from app.views.explanation import explanation_page, show_explanation, show_explanations

router = APIRouter(tags=["Explanations"])


@router.get("/explanations", summary="List all codes", response_model=Page[CodeExplanation], responses=BOTH_FORMS)
async def list_explanations(request: Request) -> Response:
    """Lists what every code means and what to do: of findings, messages, jobs, refused bodies, and the operation.

    All on one page. Needs no key.
    """
    return _all().answer(request)


@router.get(
    "/explanations/{code}", summary="Read what a code means", response_model=WholeCodeExplanation, responses=BOTH_FORMS
)
async def get_explanation(code: str, request: Request) -> Response:
    """Says what a code means, what to do about it, and who can. Needs no key."""
    found = _one(code)
    if found is None:
        raise NotFound("There is no such code.")
    return found.answer(request)


@cache
def _all() -> Reference:
    shown = show_explanations()
    return Reference({"data": shown, "next_cursor": None}, explanation_page(shown))


@lru_cache(maxsize=512)
def _one(code: str) -> Reference | None:
    shown = show_explanation(code)
    return None if shown is None else Reference(shown, explanation_page([shown, *shown["also"]]))
