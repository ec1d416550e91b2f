"""The organisation's objects, beyond rosters and runs: found by what they are called, and all that is known of one."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.dependencies import CipherDep, NarrowedHistoryReader, NarrowedPersonalReader, PartsDep
from app.api.http.answers import answer, page
from app.api.http.bodies import cursor_in_body, described, read_body
from app.api.http.lists import MOST, Cursor, Limit
from app.api.http.problems import CursorMismatch, may_refuse
from app.api.reading.objects import find_objects, read_object
from app.api.schemas.objects import FoundObject, ObjectDetail
from app.api.schemas.parts import Kind, Page
from app.api.schemas.requests import ObjectSearchRequest

router = APIRouter(tags=["Objects"])


@router.post(
    "/objects/search",
    summary="Search the organisation's objects",
    response_model=Page[FoundObject],
    responses=may_refuse(CursorMismatch),
    openapi_extra=described(ObjectSearchRequest),
)
async def search_objects(
    request: Request, parts: PartsDep, cipher: CipherDep, viewer: NarrowedPersonalReader
) -> Response:
    """Finds objects of all rosters and runs by their newest form; without a word in `q` none.

    A page may have fewer than `limit`, or none, and yet a `next_cursor`. Who may not see somebody does not find them.
    """
    body = await read_body(request, ObjectSearchRequest)
    limit = min(body.limit, MOST)
    # Only now: no slow sender holds a connection.
    with cursor_in_body():
        return page(*await find_objects(parts, cipher, viewer, body.q, kind=body.kind, limit=limit, cursor=body.cursor))


@router.get("/objects/{kind}/{object_id}", summary="Read an object", response_model=ObjectDetail)
async def get_object(
    kind: Kind,
    object_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: NarrowedHistoryReader,
    limit: Limit,
    cursor: Cursor = None,
) -> Response:
    """Gives all that is known of an object; `limit` and `cursor` are for its records."""
    return answer(await read_object(parts, cipher, viewer, kind, object_id, limit=limit, cursor=cursor))
