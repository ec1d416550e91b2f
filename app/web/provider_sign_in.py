"""Signing in at the OpenID provider, and once more for protected persons: the way there and the way back.

What was agreed with the provider travels with the browser, sealed, and goes at its return, whatever comes of it. A
refusal is a page with words of ours: nothing that the provider, or whoever sent the browser here, says is repeated.
"""

import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.api.admissions import Admissions
from app.api.dependencies import Parts, PartsDep
from app.api.handed_out import HandedOut
from app.api.http.cookies import Cookie
from app.api.http.problems import Busy
from app.api.http.query import addressed_by_others
from app.api.limits.limits import network_of, too_many_failures
from app.catalogue import Language
from app.db.sessions import LONGEST
from app.errors import NotFound
from app.oidc.calls import ProviderUnavailable, RequestRefused
from app.oidc.flow import GOOD_FOR, Transaction
from app.oidc.provider import ANSWER_PATH
from app.oidc.tokens import NotBelieved, shows_presence
from app.security.rights import NoRights
from app.web import visitors
from app.web.pages import PageRoute, go_to
from app.web.paths import PATHS, is_operators, is_ours
from app.web.visitors import LanguageDep, SignedInDep, may_sign_in

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# What the sign-in's page says of each, as `refused_…`.
REFUSALS: Final = (
    *("denied", "provider", "unavailable", "stale", "not_believed", "none", "several_organisations", "revoked"),
    *("no_history", "not_stepped_up", "other_person"),
)
_UNDER_WAY: Final = Cookie("provkedja-signing-in")
_AGREED: Final = HandedOut(b"sign-in under way")
# In seconds, until a code has its turn: the provider is given ten for each.
_PLACE_WITHIN: Final = 20.0
_log = structlog.stdlib.get_logger(__name__)
assert PATHS["sign_in_answer"] == ANSWER_PATH  # noqa: S101 - what the provider is told is where the route is


class _Refused(Exception):
    """Nobody is signed in; `reason` is one of REFUSALS, `why` a word for the log."""

    def __init__(self, reason: str, why: str = "") -> None:
        super().__init__(reason)
        self.reason, self.why = reason, why or reason


@router.get(PATHS["sign_in_start"])
async def start_sign_in(
    request: Request, parts: PartsDep, language: LanguageDep, following: Annotated[str, Query(alias="next")] = ""
) -> Response:
    """Sends a browser to the provider; it comes back to the page that was asked for, which is one of ours."""
    return await _leave(request, parts, language, following)


@router.get(PATHS["step_up"])
async def step_up(
    request: Request,
    parts: PartsDep,
    language: LanguageDep,
    who: SignedInDep,
    following: Annotated[str, Query(alias="next")] = "",
) -> Response:
    """Sends somebody to sign in once more, to be shown protected persons for a while."""
    if who.at_provider is None:
        raise NotFound("There is no such page.")
    return await _leave(request, parts, language, following, stepping_up=who.key.handle)


@router.get(PATHS["sign_in_answer"])
@addressed_by_others
async def take_answer(request: Request, parts: PartsDep) -> Response:
    """Takes a browser back from the provider, and begins its session under a new token."""
    admissions, transaction = _admissions(parts), _opened(parts, _UNDER_WAY.of(request))
    language: Language = "sv" if transaction is None else transaction.language
    try:
        code, agreed = await _code(request, admissions, transaction)
        answer = await _redeemed(request, parts, admissions, code, agreed)
    except _Refused as refused:
        # Of what is not an answer to us, whoever sends it, no more is written than a line.
        if refused.reason not in ("denied", "stale"):
            await parts.refusals.failed_sign_in(refused.why)
        _log.warning("sign-in refused", reason=refused.why)
        answer = go_to("sign_in", language, refused=refused.reason)
    _UNDER_WAY.remove(request, answer)
    return answer


async def _leave(
    request: Request, parts: Parts, language: Language, following: str, *, stepping_up: str = ""
) -> Response:
    following = following if is_ours(following) and not is_operators(following) else ""
    transaction = Transaction.begun(time.time(), following, language, stepping_up)
    try:
        there = await _admissions(parts).provider.sign_in_address(transaction)
    except ProviderUnavailable:
        return go_to("sign_in", language, refused="unavailable")
    answer = RedirectResponse(there, 303)
    _UNDER_WAY.give(request, answer, _AGREED.seal(parts, transaction.to_bytes()), good_for=GOOD_FOR)
    return answer


async def _code(request: Request, admissions: Admissions, transaction: Transaction | None) -> tuple[str, Transaction]:
    """Gives the code of an answer to this transaction; raises _Refused for what is none, before anything is called.

    Strangers send these as they like: they count against nobody.
    """
    given = request.query_params
    # Some of what the provider sends is nothing to us; of what is, nothing may stand there twice.
    said = {name: given[name] for name in ("state", "code", "error", "iss") if len(given.getlist(name)) == 1}
    if transaction is None or not hmac.compare_digest(said.get("state", "").encode(), transaction.state.encode()):
        raise _Refused("stale", "state")
    try:
        await admissions.provider.check_sender(said.get("iss"))
    except NotBelieved as refused:
        raise _Refused("not_believed", f"token_{refused.reason}") from None
    except ProviderUnavailable as unavailable:
        raise _Refused("unavailable", f"provider_{unavailable.reason}") from None
    if "error" in said:
        raise _Refused("denied" if said["error"] == "access_denied" else "provider")
    return said.get("code", ""), transaction


async def _redeemed(
    request: Request, parts: Parts, admissions: Admissions, code: str, transaction: Transaction
) -> RedirectResponse:
    """Begins a session for who comes back with a code; raises _Refused, TooManyFailures and Busy.

    Each is a call to the provider: from where many have signed nobody in, codes wait. Keys that fail do not count here.
    """
    client = request.client.host if request.client else ""
    try:
        leave = await parts.redemptions.enter(network_of(client), _PLACE_WITHIN)
    except TimeoutError:
        raise Busy("Too many sign in at the moment: try once more.") from None
    try:
        if wait := parts.limits.wait_after_failed_codes(client):
            raise too_many_failures(wait, "sign-ins that failed")
        return await _signed_in(request, parts, admissions, code, transaction)
    except _Refused:
        parts.limits.note_failed_code(client)
        raise
    finally:
        leave()


async def _signed_in(
    request: Request, parts: Parts, admissions: Admissions, code: str, transaction: Transaction
) -> RedirectResponse:
    """Begins a session for who comes back with the answer to this transaction; raises _Refused."""
    now, provider = time.time(), admissions.provider
    try:
        claims = await provider.redeem(code, transaction)
        key, _ = await admissions.admit(claims, datetime.now(UTC) + LONGEST)
    except NotBelieved as refused:
        raise _Refused("not_believed", f"token_{refused.reason}") from None
    except RequestRefused:
        raise _Refused("provider", "code") from None
    except ProviderUnavailable as unavailable:
        raise _Refused("unavailable", f"provider_{unavailable.reason}") from None
    except NoRights as none:
        raise _Refused(none.reason) from None
    if key is None:
        raise _Refused("revoked")
    if not may_sign_in(key):
        raise _Refused("no_history")
    if transaction.stepping_up not in ("", key.handle):
        raise _Refused("other_person")
    since = float(transaction.began_at) if transaction.stepping_up else None
    present = shows_presence(claims, provider.acr_values, now, since=since)
    if transaction.stepping_up and not present:
        raise _Refused("not_stepped_up")
    answer = go_to("history", transaction.language)
    if transaction.following:
        answer.headers["Location"] = transaction.following
    protected_for = timedelta(minutes=parts.runtime.settings.oidc_step_up_minutes) if present else None
    try:
        await visitors.sign_in(parts, request, key, answer, protected_for=protected_for)
    except visitors.KeyEnded:
        raise _Refused("none", "key_ended") from None
    return answer


def _admissions(parts: Parts) -> Admissions:
    if parts.admissions is None:
        raise NotFound("There is no such page.")
    return parts.admissions


def _opened(parts: Parts, text: str | None) -> Transaction | None:
    """Opens what the browser was given when it left; None for what never was, or is over."""
    plain = _AGREED.open(parts, text) if text else None
    try:
        opened = None if plain is None else Transaction.of_bytes(plain)
    except (ValueError, TypeError):
        return None
    return opened if opened is not None and opened.is_good(time.time()) else None
