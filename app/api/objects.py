"""The organisation's objects, beyond rosters and runs: found by what they are called, and all that is known of one."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api import cursors
from app.api.answers import answer, page
from app.api.bodies import described, read_body
from app.api.dependencies import CipherDep, HistoryReader, PartsDep, PersonalReader
from app.api.finding_names import names_of
from app.api.lists import MOST, Cursor, Limit
from app.api.requests import ObjectSearchRequest
from app.api.schemas import FoundObject, Kind, ObjectDetail, Page
from app.db import known, searches
from app.db.results import Row
from app.domain.search import Query
from app.errors import NotFound
from app.views import Shown
from app.views.found import record_fits
from app.views.issue import Names
from app.views.object import findings_speak_of, is_visible, show_found, show_object_detail
from app.views.sealed import open_object, open_object_detail

router = APIRouter(tags=["Objects"])


@router.post(
    "/objects/search",
    summary="Search the organisation's objects",
    response_model=Page[FoundObject],
    openapi_extra=described(ObjectSearchRequest),
)
async def search_objects(request: Request, parts: PartsDep, cipher: CipherDep, viewer: PersonalReader) -> Response:
    """Finds objects of all rosters and runs by their newest form; without a word in `q` none.

    A page may have fewer than `limit`, or none, and yet a `next_cursor`. Who may not see somebody does not find them.
    """
    body = await read_body(request, ObjectSearchRequest)
    listed = ("objects", body.kind, body.q)
    after = cursors.read(body.cursor, (cursors.text, cursors.uuid), *listed)
    limit, query = min(body.limit, MOST), Query.of(body.q)
    if not query.words:
        return page([], None)
    most, sought = limit + searches.SPARE, searches.Sought.of(query, cipher)
    # Only now: no slow sender holds a connection.
    async with parts.statement() as conn:
        candidates = await known.search_objects(
            conn,
            viewer.organisation_id,
            sought,
            kind=body.kind,
            after=(after[0], after[1]) if after else None,
            limit=most,
            protected=viewer.may_see_protected,
        )

    def found(row: Row) -> Shown | None:
        opened = open_object(row, cipher)
        return show_found(opened, viewer) if record_fits(opened, query, viewer) else None

    return page(*cursors.sift(candidates, limit, most, found, lambda row: (row["kind"], row["object_id"]), *listed))


@router.get("/objects/{kind}/{object_id}", summary="Read an object", response_model=ObjectDetail)
async def get_object(
    kind: Kind,
    object_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: HistoryReader,
    limit: Limit,
    cursor: Cursor = None,
) -> Response:
    """Gives all that is known of an object; `limit` and `cursor` are for its records."""
    listed = ("object", kind, object_id)
    before = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    async with parts.statement() as conn:
        rows = await known.find_object(
            conn,
            viewer.organisation_id,
            kind,
            object_id,
            before=(before[0], before[1]) if before else None,
            limit=limit,
        )
    shown, following = cursors.page(rows, limit, lambda row: (row["created_at"], row["job_id"]), *listed)
    if not rows:
        raise NotFound("There is no such object.")
    opened, records = open_object_detail(shown, cipher)
    if not is_visible(opened, viewer):
        raise NotFound("There is no such object.")
    names: Names = {}
    if spoken_of := findings_speak_of(opened):
        async with parts.statement() as conn:
            names = await names_of(conn, cipher, viewer, spoken_of)
    return answer(show_object_detail(opened, records, viewer, names, next_cursor=following))
