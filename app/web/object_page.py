"""The page of an object: what Skolverket has of it from us, where the roster differs from that, and all its history."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import PartsDep, cipher_of
from app.api.reading.objects import exam_names, read_object
from app.api.schemas.parts import Kind
from app.catalogue import explain
from app.web.pages import PageRoute, show_page
from app.web.paths import PATHS
from app.web.record_fields import compared, fields_of
from app.web.record_page import raw
from app.web.visitors import LanguageDep, NarrowedVisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_RECORDS: Final = 30


@router.get(PATHS["object"])
async def show_object_page(
    kind: Kind,
    object_id: UUID,
    request: Request,
    parts: PartsDep,
    visitor: NarrowedVisitorDep,
    _: LanguageDep,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """Shows the object with a page of its history."""
    cipher = cipher_of(parts, visitor.caller)
    shown = await read_object(parts, cipher, visitor.viewer, kind, object_id, limit=_RECORDS, cursor=cursor or None)
    records = shown["records"]["data"]
    exams = {UUID(str(each["activity_id"])) for each in (*records, *shown["findings"])}
    accepted = shown["accepted"]
    theirs = None if accepted is None else accepted["object"]
    return show_page(
        request,
        "object.html",
        visitor,
        page="object",
        shown=shown,
        compared=compared(kind, theirs, shown["object"], shown["differing"]),
        fields=fields_of(kind, shown["object"]),
        theirs=raw(theirs),
        ours=raw(shown["object"]),
        exams={str(each): name for each, name in (await exam_names(parts, visitor.viewer, exams)).items()},
        explained={code: explain(code) for each in records for code in each["codes"]},
        cursor=cursor,
    )
