"""Whether a session still counts: pages ask each minute, so that none stays on the screen for long after its session.

What a page asks for by itself keeps no session going; one that has ended is led to the sign-in, with its page.
"""

from fastapi import APIRouter, Response

from app.web.pages import PageRoute
from app.web.paths import PATHS
from app.web.visitors import LanguageDep, SignedInDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATHS["session"])
async def watch_session(_: SignedInDep, _language: LanguageDep) -> Response:
    """Answers that there is nothing new."""
    return Response(status_code=204)
