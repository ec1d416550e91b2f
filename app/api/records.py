"""What became of each object of a job, and every call that was made to Skolverket for it."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api import cursors
from app.api.answers import answer, page
from app.api.bodies import described, read_body
from app.api.dependencies import (
    CipherDep,
    Parts,
    PartsDep,
    PersonalReader,
    Reader,
    Snapshot,
    visible_job,
    visible_run_of_job,
)
from app.api.lists import MOST, MOST_NAMED, Cursor, Limit
from app.api.requests import SearchRequest
from app.api.schemas import Batch, BatchDetail, Page, Record, RecordDetail, RecordStatus
from app.db import results, searches
from app.db.cipher import OrganisationCipher
from app.db.content import open_contents
from app.domain.envelope import folded_digests
from app.domain.search import Query
from app.errors import NotFound
from app.views import Shown
from app.views.batch import show_batch, show_batch_detail
from app.views.found import record_fits
from app.views.issue import Names, spoken_of
from app.views.record import show_names, show_record, show_record_detail
from app.views.sealed import open_batch, open_call, open_name, open_record, open_record_detail
from app.views.viewer import Viewer

router = APIRouter(tags=["Results"])


@router.get("/jobs/{job_id}/records", summary="List a job's records", response_model=Page[Record])
async def list_records(
    job_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: Reader,
    limit: Limit,
    status: RecordStatus | None = None,
    cursor: Cursor = None,
) -> Response:
    """Lists the result of each object, in the roster's order."""
    listed = ("records", job_id, status)
    after = cursors.read(cursor, (cursors.number,), *listed)
    await visible_run_of_job(parts, viewer, job_id)
    async with parts.statement() as conn:
        rows = await results.list_records(
            conn, viewer.organisation_id, job_id, status=status, after=after[0] if after else None, limit=limit
        )
    rows, following = cursors.page(rows, limit, lambda row: (row["ordinal"],), *listed)
    opened = [open_record(row, cipher) for row in rows]
    names = await _names(parts, cipher, viewer, job_id, opened)
    return page([show_record(row, viewer, names) for row in opened], following)


@router.post(
    "/jobs/{job_id}/records/search",
    summary="Search a job's records",
    response_model=Page[Record],
    openapi_extra=described(SearchRequest),
)
async def search_records(
    job_id: UUID, request: Request, parts: PartsDep, cipher: CipherDep, viewer: PersonalReader
) -> Response:
    """Finds records by words and their beginnings, addresses, personnummer and ids; without `q` it lists them all.

    A page may have fewer than `limit`, or none, and yet a `next_cursor`. Who may not see somebody does not find them.
    """
    body = await read_body(request, SearchRequest)
    listed = ("search", job_id, body.status, body.q)
    cursor = cursors.read(body.cursor, (cursors.number,), *listed)
    limit, query, after = min(body.limit, MOST), Query.of(body.q), cursor[0] if cursor else None
    await visible_run_of_job(parts, viewer, job_id)
    if body.q.strip() and not query.words:
        return page([], None)
    given = (viewer.organisation_id, job_id)

    def found(row: results.Row) -> Shown | None:
        opened = open_record(row, cipher)
        return opened if not query.words or record_fits(opened, query, viewer) else None

    # Only now: no slow sender holds a connection.
    async with parts.statement() as conn:
        if query.words:
            most, sought = limit + searches.SPARE, searches.Sought.of(query, cipher)
            candidates = await searches.search_records(
                conn, *given, sought, status=body.status, after=after, limit=most, protected=viewer.may_see_protected
            )
        else:
            # One more than asked for, as `sift` needs to know that there is a next page.
            most = limit + 1
            candidates = await results.list_records(conn, *given, status=body.status, after=after, limit=limit)
    fit, following = cursors.sift(candidates, limit, most, found, lambda row: (row["ordinal"],), *listed)
    names = await _names(parts, cipher, viewer, job_id, fit)
    return page([show_record(row, viewer, names) for row in fit], following)


@router.get("/jobs/{job_id}/records/{record_id}", summary="Read a record", response_model=RecordDetail)
async def get_record(job_id: UUID, record_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: Reader) -> Response:
    """Gives one object's result with what was sent and what was answered."""
    await visible_run_of_job(parts, viewer, job_id)
    async with parts.statement() as conn:
        row = await results.find_record(conn, viewer.organisation_id, job_id, record_id)
    if row is None:
        raise NotFound("There is no such record.")
    opened = open_record_detail(row, cipher)
    names = await _names(parts, cipher, viewer, job_id, [opened])
    return answer(show_record_detail(opened, viewer, names))


@router.get("/jobs/{job_id}/batches", summary="List a job's calls to Skolverket", response_model=Page[Batch])
async def list_batches(
    job_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: Reader, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists every call that was made for the job, in order."""
    listed = ("batches", job_id)
    after = cursors.read(cursor, (cursors.number,), *listed)
    await visible_run_of_job(parts, viewer, job_id)
    async with parts.statement() as conn:
        rows = await results.list_batches(
            conn, viewer.organisation_id, job_id, after=after[0] if after else None, limit=limit
        )
    rows, following = cursors.page(rows, limit, lambda row: (row["number"],), *listed)
    return page([show_batch(open_call(row, cipher)) for row in rows], following)


@router.get("/jobs/{job_id}/batches/{batch_id}", summary="Read a call", response_model=BatchDetail)
async def get_batch(job_id: UUID, batch_id: UUID, cipher: CipherDep, viewer: Reader, conn: Snapshot) -> Response:
    """Gives one call with the request and the answer to it."""
    job = await visible_job(conn, viewer, job_id)
    row = await results.find_batch(conn, viewer.organisation_id, job_id, batch_id)
    if row is None:
        raise NotFound("There is no such call.")
    protected = await results.protected_among(conn, viewer.organisation_id, job_id, row["record_ids"])
    contents = dict(await open_contents(conn, cipher, [*row["items"], *([row["answer"]] if row["answer"] else [])]))
    if row["answer"] and (envelope := contents.get(bytes(row["answer"]))):
        contents |= await open_contents(conn, cipher, folded_digests(envelope))
    return answer(
        show_batch_detail(
            open_batch(row, cipher, viewer.published.body_form, contents),
            viewer,
            kind=job["kind"],
            protected=protected,
        )
    )


async def _names(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, opened: Sequence[Shown]
) -> Names:
    """Gives the names of the objects that messages of records speak of: one more statement, if they speak of any."""
    references = sorted(spoken_of(opened, viewer.published))[:MOST_NAMED]
    if not references:
        return {}
    async with parts.statement() as conn:
        rows = await results.list_named(conn, viewer.organisation_id, job_id, references)
    return show_names((open_name(row, cipher) for row in rows), viewer)
