"""Who looks at the pages: signed in with an API key or at the provider, known by a cookie whose digest alone is stored.

The key is looked at for every page, so that revoking it ends its sessions. A form carries a token that is made of the
cookie's, which another site can neither read nor make; what comes from another site is refused unread.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import time
from typing import Annotated, Final, TypeGuard
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Query, Request, Response

from app.api.auditing import write_session
from app.api.dependencies import AskAgain, Parts, PartsDep, check_whole, count_request, parts_of, viewer_of
from app.api.handed_out import HandedOut
from app.api.http.cookies import SESSION
from app.api.http.problems import BadRequest, Forbidden, TooSlow, Unauthorised
from app.api.http.request_ids import note_page
from app.catalogue import Language
from app.db import sessions
from app.db.acting import EVERYBODY
from app.db.sessions import Session
from app.security.keys import Caller, Operator
from app.security.session_tokens import SessionToken
from app.views.viewer import Viewer

# Sealed, so that nobody has Postgres asked for a session without one of ours.
_TOKEN: Final = HandedOut(b"session")
_MOST_FIELDS: Final = 50


class SignedOut(Exception):
    """Nobody is signed in: the page is shown after that."""


class KeyEnded(Exception):
    """A key has been revoked, or has ended otherwise, since it was looked at for a sign-in."""


class AnOperator(Exception):
    """This page is an organisation's, and an operator is signed in."""


@dataclass(frozen=True, slots=True)
class AtProvider:
    """How somebody has signed in who has no key: at the provider of this `name`.

    Who may see protected persons is shown them until `protected_until`, and may ask for it (`may_step_up`) otherwise.
    """

    name: str
    may_step_up: bool
    protected_until: datetime | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whoever is signed in, for an organisation or as an operator, and the token that the forms carry."""

    key: Caller | Operator
    form_token: str
    at_provider: AtProvider | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at an organisation's page, and the token that its forms carry."""

    caller: Caller
    viewer: Viewer
    form_token: str
    is_operator: bool = False
    at_provider: AtProvider | None = None

    @property
    def key_name(self) -> str:
        """Gives what the key is called."""
        return self.caller.key_name

    def may(self, scope: str) -> bool:
        """Tells whether the key allows this."""
        return scope in self.caller.scopes


@dataclass(frozen=True, slots=True)
class OperatorVisitor:
    """The operator who looks at a page of Drift, and the token that its forms carry."""

    operator: Operator
    form_token: str
    is_operator: bool = True
    at_provider: None = None

    @property
    def key_name(self) -> str:
        """Gives what the key is called."""
        return self.operator.key_name


AnyVisitor = Visitor | OperatorVisitor


async def language_of(lang: Annotated[Language, Query()] = "sv") -> Language:
    """Gives the language that the address asks for."""
    return lang


LanguageDep = Annotated[Language, Depends(language_of)]


async def signed_in(request: Request, parts: PartsDep) -> SignedIn:
    """Finds out who is signed in; raises SignedOut. What a page asks for by itself keeps no session going."""
    return await _signed_in(request, parts, by_hand="hx-request" not in request.headers)


async def _signed_in(request: Request, parts: Parts, *, by_hand: bool) -> SignedIn:
    note_page()
    if (given := _given(request, parts)) is None:
        raise SignedOut
    text, token = given
    if token.is_over(time(), sessions.LONGEST):
        raise SignedOut
    async with parts.statement(EVERYBODY) as conn:
        session = await sessions.find(conn, digest_of(text), token.key_id, by_hand=by_hand)
    if session is None:
        raise SignedOut
    if session.key_digest is None:
        return await _signed_in_elsewhere(parts, session, text, token.shows_protected_until(time()))
    key = await parts.runs.caller(session.handle, session.key_digest)
    if not may_sign_in(key) or not takes_key(parts, key):
        raise SignedOut
    count_request(parts, key)
    return SignedIn(key, _form_token(text))


async def _signed_in_elsewhere(parts: Parts, session: Session, text: str, until: datetime | None) -> SignedIn:
    """Gives who has signed in at the provider that there is now, without protected persons but for a while."""
    provider = parts.provider
    if provider is None or session.issuer != provider.issuer:
        raise SignedOut
    key = await parts.runs.caller_known_as(session.handle)
    if not isinstance(key, Caller) or not key.may("history"):
        raise SignedOut
    count_request(parts, key)
    may = key.may("protected")
    if until is None:
        key = replace(key, scopes=key.scopes - {"protected"})
    at_provider = AtProvider(provider.name, may and until is None, until if may else None)
    return SignedIn(key, _form_token(text), at_provider)


SignedInDep = Annotated[SignedIn, Depends(signed_in)]


def may_sign_in(key: Caller | Operator | None) -> TypeGuard[Caller | Operator]:
    """Tells whether there is a page for a key: an operator's, or one that may read its organisation's history."""
    return isinstance(key, Operator) or (key is not None and key.may("history"))


def takes_key(parts: Parts, key: Caller | Operator) -> bool:
    """Tells whether a key signs in to the pages: an operator's does, whatever the settings say of others."""
    return parts.runtime.settings.sign_in_with_keys or isinstance(key, Operator)


async def visitor_of(who: SignedInDep, parts: PartsDep) -> Visitor:
    """Gives who looks for an organisation; raises AnOperator for who sees nothing of one.

    And PartialKey for a key of single school units.
    """
    visitor = await narrowed_visitor_of(who, parts)
    check_whole(visitor.caller)
    return visitor


async def narrowed_visitor_of(who: SignedInDep, parts: PartsDep) -> Visitor:
    """Gives who looks, with a key of single school units too: for pages that show it nothing of other units."""
    if isinstance(who.key, Operator):
        raise AnOperator
    return Visitor(who.key, viewer_of(who.key, parts, "page"), who.form_token, at_provider=who.at_provider)


def ask_again(request: Request, parts: Parts) -> AskAgain:
    """Makes what finds out anew who looks for an organisation; that raises Unauthorised once the session has ended."""

    async def ask() -> Viewer:
        try:
            # For pages of a NarrowedVisitorDep alone.
            return (await narrowed_visitor_of(await _signed_in(request, parts, by_hand=False), parts)).viewer
        except (SignedOut, AnOperator):
            raise Unauthorised("This session has ended.") from None

    return ask


async def operator_visitor_of(who: SignedInDep) -> OperatorVisitor:
    """Gives the operator who looks; raises Forbidden for a key of an organisation."""
    if not isinstance(who.key, Operator):
        raise Forbidden("This key lacks the scope operator.")
    return OperatorVisitor(who.key, who.form_token)


VisitorDep = Annotated[Visitor, Depends(visitor_of)]
NarrowedVisitorDep = Annotated[Visitor, Depends(narrowed_visitor_of)]
OperatorVisitorDep = Annotated[OperatorVisitor, Depends(operator_visitor_of)]


async def sign_in(
    parts: Parts,
    request: Request,
    key: Caller | Operator,
    answer: Response,
    *,
    protected_for: timedelta | None = None,
) -> None:
    """Begins a session of a key, under a new token, in place of the one that the browser had.

    `protected_for` says for how long somebody of the provider's is shown protected persons. Raises KeyEnded, and then
    nothing has changed.
    """
    before = _given(request, parts)
    text = _TOKEN.seal(parts, SessionToken.begun(key.key_id, time(), protected_for).to_bytes())
    async with parts.transaction("sign_in", EVERYBODY) as conn:
        ended = None if before is None else digest_of(before[0])
        of = None if isinstance(key, Operator) else key.organisation_id
        if not await sessions.begin(conn, digest_of(text), of, key.key_id, instead_of=ended):
            raise KeyEnded
        await write_session(conn, "sign_in", key, **({"protected": True} if protected_for is not None else {}))
    # Without an age: it goes with the browser, if it has not ended before.
    SESSION.give(request, answer, text)


async def sign_out(parts: Parts, request: Request, key: Caller | Operator, answer: Response) -> None:
    """Ends the session of a key and takes the cookie back."""
    if (given := _given(request, parts)) is not None:
        async with parts.transaction("sign_out", EVERYBODY) as conn:
            await sessions.end(conn, digest_of(given[0]))
            await write_session(conn, "sign_out", key)
    SESSION.remove(request, answer)


async def form_of(request: Request) -> dict[str, str]:
    """Reads a form that was sent from one of our pages; raises Forbidden for one that was sent from elsewhere."""
    if not _is_from_here(request):
        raise Forbidden("This form was sent from another site.")
    try:
        async with asyncio.timeout(parts_of(request).timeout.small_body):
            raw = await request.body()
    except TimeoutError:
        raise TooSlow("The form did not arrive in time.") from None
    try:
        fields = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise BadRequest("This is no form.") from None
    return dict(fields)


FormDep = Annotated[dict[str, str], Depends(form_of)]


async def own_form(who: SignedInDep, form: FormDep) -> dict[str, str]:
    """Gives a form of this very session; raises Forbidden for any other."""
    if not hmac.compare_digest(form.get("form_token", "").encode(), who.form_token.encode()):
        raise Forbidden("This form is of another session.")
    return form


# What every route that changes something takes.
OwnForm = Annotated[dict[str, str], Depends(own_form)]


def digest_of(text: str) -> bytes:
    """Gives what is stored of a cookie's text: it has 256 random bits, so that nothing slower is needed."""
    return hashlib.sha256(text.encode()).digest()


def _given(request: Request, parts: Parts) -> tuple[str, SessionToken] | None:
    """Reads the session's cookie: its text, and what is sealed in it; None for what was never ours."""
    text = SESSION.of(request)
    plain = None if text is None else _TOKEN.open(parts, text)
    try:
        return None if text is None or plain is None else (text, SessionToken.of_bytes(plain))
    except ValueError:
        return None


def _form_token(text: str) -> str:
    return hmac.digest(text.encode(), b"form", "sha256").hex()


def _is_from_here(request: Request) -> bool:
    """Tells whether a form comes from one of our pages, as the browser says; an old one names the origin at least."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")
