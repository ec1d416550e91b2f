"""How answers leave: as JSON in plain ASCII, with an ETag for those who poll, as pages for lists."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from app.views import Shown

_TAG = re.compile(r'(?:W/)?"[^"]*"|\*')
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")


def to_json(content: Any) -> bytes:
    """Writes JSON in ASCII: text from outside may hold half a surrogate pair, which has no UTF-8."""
    # What is shown is made anew for each answer: nothing in it can stand in itself.
    return json.dumps(content, default=_plain, separators=(",", ":"), check_circular=False).encode("ascii")


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answers with JSON that nobody keeps a copy of: it may hold personal data."""
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(to_json(content), status, headers=kept, media_type="application/json")


def answer_version(content: Shown, version: int, status: int = 200) -> Response:
    """Answers with a thing of a `version`, under the ETag that GET gives it."""
    made = Polled.of_version(content, version)
    headers = {"Cache-Control": "no-store", "ETag": made.etag}
    return Response(made.body, status, headers=headers, media_type="application/json")


def page(data: Sequence[Shown], next_cursor: str | None) -> Response:
    """Answers with one page of a list."""
    return answer({"data": data, "next_cursor": next_cursor})


@dataclass(frozen=True, slots=True)
class Polled:
    """What somebody is answered who asks again and again: the body, its ETag, and whether it will change by itself."""

    body: bytes
    etag: str
    finished: bool

    @classmethod
    def of(cls, content: Shown, *, finished: bool) -> "Polled":
        """Makes it of what is shown; `finished` things are not worth a look again."""
        return cls._of(to_json(content), finished=finished)

    @classmethod
    def of_version(cls, content: Shown, version: int) -> "Polled":
        """Makes it of a thing whose ETag If-Match takes as that of a version, whatever else of it has changed."""
        body = to_json(content)
        return cls(body, f'"{version}-{hashlib.sha256(body).hexdigest()[:12]}"', finished=True)

    @classmethod
    def of_page(cls, page: str) -> "Polled":
        """Makes it of a page for people, which does not change by itself."""
        return cls._of(page.encode(), finished=True)

    @classmethod
    def _of(cls, body: bytes, *, finished: bool) -> "Polled":
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', finished)

    @property
    def headers(self) -> dict[str, str]:
        """Gives the headers, with Retry-After until the end."""
        headers = {"ETag": self.etag, "Cache-Control": "private, no-cache"}
        return headers if self.finished else {**headers, "Retry-After": "1"}

    def is_known(self, if_none_match: str) -> bool:
        """Tells whether who sent these tags has it already (RFC 9110, section 13.1.2)."""
        return if_none_match == self.etag or _names(if_none_match, self.etag)


def _names(if_none_match: str, etag: str) -> bool:
    asked = _TAG.findall(if_none_match)
    return "*" in asked or etag in {tag.removeprefix("W/") for tag in asked}


def has_it(request: Request, etag: str) -> bool:
    """Tells whether the caller of `request` says that it has what has this ETag."""
    return _names(", ".join(request.headers.getlist("if-none-match")), etag)


def polled(request: Request, content: Polled) -> Response:
    """Answers with it, or with 304 without a body when nothing has changed."""
    if has_it(request, content.etag):
        return Response(status_code=304, headers=content.headers)
    return Response(content.body, headers=content.headers, media_type="application/json")


def prefers_html(accept: str) -> bool:
    """Decides an Accept (RFC 9110, section 12.5.1) between a page and JSON: who names neither wants JSON."""
    given = dict(weights(accept))
    html = given.get("text/html", given.get("text/*", 0.0))
    json_ = given.get("application/json", given.get("application/*", 0.0))
    return html > json_


def weights(accept: str) -> Iterator[tuple[str, float]]:
    """Splits a list of what is accepted, with how much each is liked (RFC 9110, section 12.4.2)."""
    for part in accept.lower().split(","):
        kind, *parameters = (each.strip() for each in part.split(";"))
        weight = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
        yield kind, float(weight) if _WEIGHT.fullmatch(weight) else 0.0


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
