"""Signing in with an API key, and out again. The key comes in a form and is never shown, stored or put into a URL.

The way to the provider and back is in `provider_sign_in`.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import PartsDep, known_key, parts_of
from app.api.http.request_ids import note_page
from app.security import keys
from app.web import visitors
from app.web.pages import PageRoute, go_to, show_page
from app.web.paths import PATHS, is_operators, is_ours
from app.web.provider_sign_in import REFUSALS
from app.web.visitors import FormDep, LanguageDep, OwnForm, SignedInDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATHS["sign_in"])
async def show_sign_in(
    request: Request,
    _: LanguageDep,
    following: Annotated[str, Query(alias="next")] = "",
    refused: Annotated[str, Query(description="Why the way by the provider has led back here.")] = "",
) -> Response:
    """Asks for a key, or offers the way to the provider."""
    return _ask(request, following, f"refused_{refused}" if refused in REFUSALS else None)


@router.post(PATHS["sign_in"])
async def sign_in(request: Request, parts: PartsDep, language: LanguageDep, form: FormDep) -> Response:
    """Begins a session, and goes on to the page that was asked for, which is one of ours."""
    note_page()
    key = await known_key(request, parts, form.get("key", "").strip())
    following = form.get("next", "")
    if not visitors.may_sign_in(key):
        if key is not None:
            await parts.refusals.refused_sign_in(key)
        return _ask(request, following, "sign_in_no_key" if key is None else "sign_in_no_history", status=403)
    if not visitors.takes_key(parts, key):
        await parts.refusals.refused_sign_in(key)
        return _ask(request, following, "sign_in_keys_of_operators", status=403)
    is_operator = isinstance(key, keys.Operator)
    answer = go_to("operations" if is_operator else "history", language)
    if is_ours(following) and is_operators(following) == is_operator:
        answer.headers["Location"] = following
    try:
        await visitors.sign_in(parts, request, key, answer)
    except visitors.KeyEnded:
        await parts.refusals.refused_sign_in(key)
        return _ask(request, following, "sign_in_no_key", status=403)
    return answer


@router.post(PATHS["sign_out"])
async def sign_out(request: Request, parts: PartsDep, language: LanguageDep, who: SignedInDep, _: OwnForm) -> Response:
    """Ends the session, and goes on to the provider's end of it where somebody has signed in there."""
    answer: Response = go_to("sign_in", language)
    provider = parts.provider
    if who.at_provider is not None and provider is not None and (there := await provider.sign_out_address()):
        # A page in between: our policy lets no form lead to another site, and this was one.
        answer = show_page(request, "signed_out.html", page="sign_in", there=there, provider=provider.name)
    await visitors.sign_out(parts, request, who.key, answer)
    # A browser may keep pages for its way back, whatever they say of being kept.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _ask(request: Request, following: str, refused: str | None = None, *, status: int = 200) -> Response:
    parts = parts_of(request)
    return show_page(
        request,
        "sign_in.html",
        status=status,
        page="sign_in",
        following=following if is_ours(following) else "",
        refused=refused,
        provider=None if parts.provider is None else parts.provider.name,
        with_keys=parts.runtime.settings.sign_in_with_keys,
    )
