"""What has changed: page by page for those who ask, and a ticket for those who are told."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from app.api.dependencies import PartsDep, Reader
from app.api.http.answers import answer
from app.api.http.lists import Limit
from app.api.http.problems import CursorMismatch, may_refuse
from app.api.reading.change_cursors import LogPlace
from app.api.reading.changes import changes_after, newest
from app.api.schemas.events import Changes
from app.errors import CursorGone

router = APIRouter(tags=["Changes"])

_NOW: Final = "now"
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "headers": {
            "Retry-After": {
                "description": "There when nothing more has changed: seconds until a look is worth while.",
                "schema": {"type": "integer"},
            }
        }
    },
    **may_refuse(CursorGone, CursorMismatch),
}


@router.get("/changes", summary="Read what has changed", response_model=Changes, responses=_RESPONSES)
async def list_changes(
    parts: PartsDep,
    viewer: Reader,
    limit: Limit,
    after: Annotated[
        str | None,
        Query(description="`next_cursor` of the page before; `now` begins here, and without it with the oldest."),
    ] = None,
) -> Response:
    """Gives each run and job that has changed, as GET gives it, in the order of the changes.

    Go on from `next_cursor`: nothing is left out, also of transactions that had begun before and were committed later.
    What has changed several times in between is given once, as it is. A change is there about a second after it was
    made, later while somebody keeps a transaction open that writes. A run changes with each of its jobs, and a job with
    its run; a new name of the activity alone is no change.
    """
    if after == _NOW:
        return _page([], (await newest(parts)).cursor, more=False)
    page = await changes_after(parts, viewer, LogPlace.read(after) if after else None, limit)
    data = [{"type": each.type, **each.shown} for each in page.changes]
    return _page(data, page.following.cursor, more=page.more)


def _page(data: list[dict[str, Any]], following: str, *, more: bool) -> Response:
    return answer({"data": data, "next_cursor": following}, headers={} if more else {"Retry-After": "1"})
