"""How pages about the service itself leave: JSON for programs, a page for people, both the same for everybody."""

import base64
import hashlib
from typing import Any, Final

from fastapi import Request, Response

from app.api.http.answers import Polled, prefers_html
from app.views import Shown
from app.views.reference_page import STYLE

_STYLE: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    # The texts are those of this version of the service.
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE}'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
}
# What the description says of them.
BOTH_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "JSON, or a page for who prefers text/html.",
        "content": {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>…"}},
    },
    304: {"description": "Nothing has changed since If-None-Match."},
}


class Reference:
    """One text in both forms, made once."""

    def __init__(self, shown: Shown, page: str) -> None:
        self._json = Polled.of(shown, finished=True)
        self._page = Polled.of_page(page)

    def answer(self, request: Request) -> Response:
        """Answers in the form that the caller prefers, or with 304 to who has it."""
        html = prefers_html(", ".join(request.headers.getlist("accept")))
        content, media_type = (self._page, "text/html; charset=utf-8") if html else (self._json, "application/json")
        headers = {**_HEADERS, "ETag": content.etag}
        if content.is_known(", ".join(request.headers.getlist("if-none-match"))):
            return Response(status_code=304, headers=headers)
        return Response(content.body, headers=headers, media_type=media_type)
