"""What is asked for under the pages' addresses and is no page."""

from fastapi import APIRouter, Request, Response

from app.errors import NotFound
from app.web.pages import PageRoute
from app.web.paths import PATHS
from app.web.visitors import LanguageDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATHS["elsewhere"])
async def elsewhere(request: Request, _: LanguageDep) -> Response:
    """Says that there is no such page; goes last of all routes."""
    raise NotFound("There is no such page.")
