"""Every error as `application/problem+json` (RFC 9457), never with a value of the request in it.

`type` is the address of the page about the cause; its status and its words stand in the catalogue. `instance` is the
request's id and not the path: a path may hold what somebody typed, which may be a personnummer.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

from starlette.responses import Response

from app.api.http.request_ids import instance
from app.catalogue import Cause, catalogue
from app.errors import BodyError, Problem, Refused

MEDIA_TYPE: Final = "application/problem+json"
# Where a route's responses have the slugs of its own causes; the description of the interface makes words of them.
CAUSES: Final = "x-causes"


class BadRequest(Problem):
    """A query parameter is not what it should be."""

    slug = "invalid-parameter"


class CursorMismatch(BadRequest):
    """A cursor was made for another list or other filters."""

    slug = "cursor-mismatch"


class InvalidHeader(BadRequest):
    """A header is not what it should be."""

    slug = "invalid-header"


class MalformedRequest(Problem):
    """It is no HTTP, or can be read in two ways."""

    slug = "malformed-request"


class HeadersTooLarge(Problem):
    """The headers have more bytes than they may."""

    slug = "headers-too-large"


class HeadersTooSlow(Problem):
    """The headers did not arrive in time."""

    slug = "headers-too-slow"


class Unauthorised(Problem):
    """There is no key."""

    slug = "not-authenticated"
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class InvalidKey(Unauthorised):
    """There is a key, and it does not count."""

    slug = "invalid-key"
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class InvalidTicket(Unauthorised):
    """There is a ticket for event streams, and it does not count."""

    slug = "invalid-ticket"


class Forbidden(Problem):
    """The key lacks a scope."""

    slug = "missing-scope"


class MadeByAnotherKey(Forbidden):
    """The key may do this with what it made itself, and this is another's."""

    slug = "made-by-another-key"


class PartialKey(Forbidden):
    """The key is for single school units, and this is shown whole or not at all."""

    slug = "key-of-single-units"


class MethodNotAllowed(Problem):
    """The address does not take the method."""

    slug = "method-not-allowed"


class TooSlow(Problem):
    """The body did not arrive in time."""

    slug = "body-too-slow"


class BodyTooLarge(Problem):
    """The body has more bytes than it may."""

    slug = "body-too-large"


class WrongMediaType(Problem):
    """The body is said to be something else than JSON."""

    slug = "unsupported-media-type"


class Encoded(WrongMediaType):
    """The body is compressed, or encoded in another way."""

    slug = "content-encoding"
    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": "identity"}


class InternalError(Problem):
    """Something that nobody has foreseen."""

    slug = "internal-error"


class Restarting(Problem):
    """The process ends, and has waited for the answer for as long as it does."""

    slug = "restarting"


class Busy(Problem):
    """There is no room for this at the moment."""

    slug = "busy"


class TooManyExports(Busy):
    """As many exports are being made as may be at once."""

    slug = "too-many-exports"


class TooManyRequests(Problem):
    """The key, or its organisation, asks for more than it may at once."""

    slug = "too-many-requests"


class TooManyStreams(Problem):
    """The key has as many event streams open as it may."""

    slug = "too-many-streams"


class TooManyFailures(Problem):
    """Too many keys that do not count have come from an address."""

    slug = "too-many-failed-keys"


class DatabaseUnavailable(Problem):
    """The database is away, only reads, or is not migrated."""

    slug = "database-unavailable"


class NotAudited(Problem):
    """That somebody is shown unmasked cannot be written down, and so it is not done."""

    slug = "not-audited"


class NotReady(Problem):
    """The service cannot do its work."""

    slug = "not-ready"


def may_refuse(*causes: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Makes the responses of a route that can end with these causes, beside those that many routes have."""
    responses: dict[int | str, dict[str, Any]] = {}
    for cause in causes:
        entry = entry_of(cause)
        responses.setdefault(entry.status, {CAUSES: []})[CAUSES].append(entry.slug)
    return responses


def entry_of(cause: type[Problem]) -> Cause:
    """Gives the catalogue's entry; raises TypeError for a problem that no caller is told."""
    if cause.slug is None:
        raise TypeError(f"{cause.__name__} has no slug: it is no cause that a caller is told")
    return catalogue().problems[cause.slug]


def type_of(slug: str) -> str:
    """Gives the `type` of a cause: where it is explained."""
    return f"/problems/{slug}"


def problem(
    cause: type[Problem],
    detail: str | None = None,
    *,
    errors: Sequence[BodyError] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Makes the answer for a cause; a detail that is not given is what it means in general."""
    entry = entry_of(cause)
    content: dict[str, Any] = {
        "type": type_of(entry.slug),
        "title": entry.en.title,
        "status": entry.status,
        "detail": detail or entry.en.means,
        "instance": instance(),
        **more,
    }
    if entry.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        content["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in errors]
    waiting = {} if entry.retry_after is None else {"Retry-After": str(entry.retry_after)}
    kept = {"Cache-Control": "no-store", **cause.headers, **waiting, **(headers or {})}
    return Response(json.dumps(content), entry.status, headers=kept, media_type=MEDIA_TYPE)


def answer_of(raised: Problem) -> Response:
    """Makes the answer for a problem that was raised."""
    errors = raised.errors if isinstance(raised, Refused) else ()
    waiting = None if raised.retry_after is None else {"Retry-After": str(raised.retry_after)}
    return problem(type(raised), raised.detail, errors=errors, headers=waiting)
