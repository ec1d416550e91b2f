"""The page of who has seen an object, or changed something of it: for whom the scope `audit` is given."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import PartsDep
from app.api.http.problems import Forbidden
from app.api.reading.audit import list_audit
from app.api.schemas.parts import Kind
from app.web.pages import PageRoute, show_page
from app.web.paths import PATHS
from app.web.visitors import LanguageDep, VisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_ROWS: Final = 50
# What has words of its own on the page: all that is done with somebody.
ACTIONS: Final = (
    *(
        "read_records",
        "read_record",
        "read_object",
        "read_objects",
        "read_call",
        "read_findings",
        "read_finding_causes",
    ),
    *("read_plan", "read_readiness", "read_pupils", "read_roster", "read_audit", "ask_for_erasure", "erased_persons"),
)
VIA: Final = ("api", "page", "export", "command", "service")


@router.get(PATHS["seen"])
async def show_who_has_seen(
    kind: Kind,
    object_id: UUID,
    request: Request,
    parts: PartsDep,
    visitor: VisitorDep,
    _: LanguageDep,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """Shows who has seen an object unmasked, the newest first; raises Forbidden without the scope."""
    if not visitor.may("audit"):
        raise Forbidden("This key lacks the scope audit.")
    rows, following = await list_audit(parts, visitor.viewer, object_id, limit=_ROWS, cursor=cursor or None)
    return show_page(
        request,
        "seen.html",
        visitor,
        page="object",
        kind=kind,
        object_id=object_id,
        rows=rows,
        following=following,
        cursor=cursor,
        actions=ACTIONS,
    )
