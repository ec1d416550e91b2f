"""Signing in with an API key, and out again. The key comes in a form and is never shown, stored or put into a URL."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import PartsDep, known_key
from app.security import keys
from app.web import visitors
from app.web.pages import PageRoute, go_to, show_page
from app.web.paths import PATHS, is_operators, is_ours
from app.web.visitors import FormDep, LanguageDep, OwnForm

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATHS["sign_in"])
async def show_sign_in(
    request: Request, _: LanguageDep, following: Annotated[str, Query(alias="next")] = ""
) -> Response:
    """Asks for a key."""
    return _ask(request, following)


@router.post(PATHS["sign_in"])
async def sign_in(request: Request, parts: PartsDep, language: LanguageDep, form: FormDep) -> Response:
    """Begins a session, and goes on to the page that was asked for, which is one of ours."""
    key = await known_key(request, parts, form.get("key", "").strip())
    following = form.get("next", "")
    if not visitors.may_sign_in(key):
        return _ask(request, following, "sign_in_no_key" if key is None else "sign_in_no_history")
    is_operator = isinstance(key, keys.Operator)
    answer = go_to("operations" if is_operator else "history", language)
    if is_ours(following) and is_operators(following) == is_operator:
        answer.headers["Location"] = following
    await visitors.sign_in(parts, request, key, answer)
    return answer


@router.post(PATHS["sign_out"])
async def sign_out(request: Request, parts: PartsDep, language: LanguageDep, _: OwnForm) -> Response:
    """Ends the session."""
    answer = go_to("sign_in", language)
    await visitors.sign_out(parts, request, answer)
    # A browser may keep pages for its way back, whatever they say of being kept.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _ask(request: Request, following: str, refused: str | None = None) -> Response:
    following = following if is_ours(following) else ""
    status = 403 if refused else 200
    return show_page(request, "sign_in.html", status=status, page="sign_in", following=following, refused=refused)
