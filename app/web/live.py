"""Parts of pages that change while somebody looks: htmx asks for them again and again, and is told nothing new of most.

The address of a part has a digest of what is shown. As long as it is the same, the answer is 204 and the page stays as
it is, with whatever somebody has selected or is reading in it.
"""

import hashlib
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from app.web.pages import language_in, show_page
from app.web.render import render
from app.web.visitors import AnyVisitor


async def _takes_seen(seen: Annotated[str, Query(max_length=32)] = "") -> str:
    return seen


# What a route with a live part takes: its address has one parameter more.
Live = Depends(_takes_seen)


def show_live(
    request: Request,
    page_template: str,
    part_template: str,
    visitor: AnyVisitor,
    every: int | None,
    *,
    head_template: str | None = None,
    **values: Any,
) -> Response:
    """Answers with a page that has a live part in it, or with that part alone where htmx asks.

    It is asked for again after `every` seconds; with None nothing more will happen, and nobody asks. What is filled by
    `head_template` stands elsewhere on the page, and changes with the part.
    """
    language = language_in(request)
    inner = render(part_template, language, visitor=visitor, **values)
    head = render(head_template, language, visitor=visitor, **values) if head_template else ""
    digest = hashlib.sha256(f"{every}{head}{inner}".encode()).hexdigest()[:16]
    asks = "hx-request" in request.headers
    if asks and request.query_params.get("seen") == digest:
        return Response(status_code=204)
    kept = [(name, value) for name, value in parse_qsl(request.url.query) if name != "seen"]
    again = f"{request.url.path}?{urlencode([*kept, ('seen', digest)])}"
    shown = {"inner": Markup(inner), "head": Markup(head if asks else "")}  # noqa: S704 - ours
    part = render("live.html", language, every=every, again=again, **shown)
    if asks:
        return HTMLResponse(part)
    return show_page(request, page_template, visitor, part=Markup(part), head=Markup(head), **values)  # noqa: S704
