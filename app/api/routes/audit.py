"""The audit: who has seen or changed what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.dependencies import Auditor, PartsDep
from app.api.http.answers import page
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import NotAudited, may_refuse
from app.api.reading import audit as reading
from app.api.schemas.audit import AuditRow
from app.api.schemas.parts import Page

router = APIRouter(tags=["Audit"])


@router.get("/audit", summary="Ask who has seen what", response_model=Page[AuditRow], responses=may_refuse(NotAudited))
async def list_audit(
    parts: PartsDep,
    viewer: Auditor,
    limit: Limit,
    cursor: Cursor = None,
    object_id: Annotated[
        UUID | None, Query(description="Only what was shown or changed of this object, by its id.")
    ] = None,
) -> Response:
    """Lists who has seen somebody unmasked, or changed something, the newest first; who asks is in it as well.

    Wants the scope `audit`, which a key may have alone. An object is known by a keyed digest of its id alone.
    """
    return page(*await reading.list_audit(parts, viewer, object_id, limit=limit, cursor=cursor))
