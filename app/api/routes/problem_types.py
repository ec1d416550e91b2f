"""Why requests are answered with errors: what the `type` of a problem leads to. Public, since it is about nobody."""

from functools import cache

from fastapi import APIRouter, Request, Response

from app.api.http.references import BOTH_FORMS, Reference
from app.api.schemas.explanations import ProblemExplanation
from app.api.schemas.parts import Page
from app.errors import NotFound
from app.views.cause import causes_page, show_causes

router = APIRouter(tags=["Explanations"])


@router.get(
    "/problems", summary="List the causes of errors", response_model=Page[ProblemExplanation], responses=BOTH_FORMS
)
async def list_problem_types(request: Request) -> Response:
    """Lists every `type` that a problem may have, what it means, and what to do. All on one page. Needs no key."""
    return _all().answer(request)


@router.get(
    "/problems/{slug}", summary="Read what an error's cause is", response_model=ProblemExplanation, responses=BOTH_FORMS
)
async def get_problem_type(slug: str, request: Request) -> Response:
    """Says what a problem's `type` means, what to do about it, and whether waiting helps. Needs no key."""
    found = _each().get(slug)
    if found is None:
        raise NotFound("There is no such type of problem.")
    return found.answer(request)


@cache
def _all() -> Reference:
    shown = show_causes()
    return Reference({"data": shown, "next_cursor": None}, causes_page(shown))


@cache
def _each() -> dict[str, Reference]:
    return {shown["slug"]: Reference(shown, causes_page([shown])) for shown in show_causes()}
