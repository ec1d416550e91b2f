"""What became of each object of a job, and every call that was made to Skolverket for it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.dependencies import CipherDep, NarrowedPersonalReader, NarrowedReader, PartsDep, Reader
from app.api.http.answers import answer, page
from app.api.http.bodies import cursor_in_body, described, read_body
from app.api.http.lists import MOST, Cursor, Limit
from app.api.http.problems import CursorMismatch, MadeByAnotherKey, may_refuse
from app.api.http.record_filters import FilterOfRecords, RecordSort
from app.api.reading.batches import read_batch, read_batches
from app.api.reading.records import RecordPage as RecordQueryPage
from app.api.reading.records import RecordQuery, read_record, read_records
from app.api.schemas.batches import Batch, BatchDetail
from app.api.schemas.parts import Page
from app.api.schemas.records import RecordDetail, RecordPage
from app.api.schemas.requests import SearchRequest

router = APIRouter(tags=["Results"], responses=may_refuse(MadeByAnotherKey))


@router.get("/jobs/{job_id}/records", summary="List a job's records", response_model=RecordPage)
async def list_records(
    job_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: NarrowedReader,
    wanted: FilterOfRecords,
    limit: Limit,
    sort: RecordSort = "order",
    cursor: Cursor = None,
) -> Response:
    """Lists the result of each object.

    Without the scope `protected` nobody protected is found by their school, and without `pii` nobody at all: 403.
    """
    return _page(await read_records(parts, cipher, viewer, job_id, RecordQuery(wanted, sort, "", limit, cursor)))


@router.post(
    "/jobs/{job_id}/records/search",
    summary="Search a job's records",
    response_model=RecordPage,
    responses=may_refuse(CursorMismatch),
    openapi_extra=described(SearchRequest),
)
async def search_records(
    job_id: UUID, request: Request, parts: PartsDep, cipher: CipherDep, viewer: NarrowedPersonalReader
) -> Response:
    """Finds records by words and their beginnings, addresses, personnummer and ids; without `q` it lists them all.

    A page may have fewer than `limit`, or none, and yet a `next_cursor`. Who may not see somebody does not find them.
    """
    body = await read_body(request, SearchRequest)
    query = RecordQuery(body.wanted, body.sort, body.q, min(body.limit, MOST), body.cursor)
    # Only now: no slow sender holds a connection.
    with cursor_in_body():
        return _page(await read_records(parts, cipher, viewer, job_id, query))


def _page(read: RecordQueryPage) -> Response:
    return answer({"data": read.records, "next_cursor": read.next_cursor, "counts": read.counts})


@router.get("/jobs/{job_id}/records/{record_id}", summary="Read a record", response_model=RecordDetail)
async def get_record(
    job_id: UUID, record_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: NarrowedReader
) -> Response:
    """Gives one object's result with what was sent and what was answered."""
    return answer(await read_record(parts, cipher, viewer, job_id, record_id))


@router.get("/jobs/{job_id}/batches", summary="List a job's calls to Skolverket", response_model=Page[Batch])
async def list_batches(
    job_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: Reader, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists every call that was made for the job, in order."""
    return page(*await read_batches(parts, cipher, viewer, job_id, limit=limit, cursor=cursor))


@router.get("/jobs/{job_id}/batches/{batch_id}", summary="Read a call", response_model=BatchDetail)
async def get_batch(job_id: UUID, batch_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: Reader) -> Response:
    """Gives one call with the request and the answer to it."""
    return answer(await read_batch(parts, cipher, viewer, job_id, batch_id))
