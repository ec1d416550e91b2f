"""What became of each object of a job, and every call that was made to Skolverket for it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api import cursors, shapes
from app.api.answers import answer, page
from app.api.bodies import described, read_body
from app.api.dependencies import PartsDep, PersonalReader, Reader, Snapshot, visible_job
from app.api.lists import MOST, Cursor, Limit
from app.api.requests import SearchRequest
from app.api.schemas import Batch, BatchDetail, Page, Record, RecordDetail, RecordStatus
from app.api.sight import Sight
from app.db import results
from app.domain.roster import query_words
from app.errors import NotFound

router = APIRouter(tags=["Results"])


@router.get("/jobs/{job_id}/records", summary="List a job's records", response_model=Page[Record])
async def list_records(
    job_id: UUID,
    parts: PartsDep,
    caller: Reader,
    conn: Snapshot,
    limit: Limit,
    status: RecordStatus | None = None,
    cursor: Cursor = None,
) -> Response:
    """Lists the result of each object, in the roster's order."""
    listed = ("records", job_id, status)
    after = cursors.read(cursor, (cursors.number,), *listed)
    await visible_job(conn, caller, job_id)
    rows = await results.list_records(
        conn, caller.organisation_id, job_id, status=status, after=after[0] if after else None, limit=limit
    )
    rows, following = cursors.page(rows, limit, lambda row: (row["ordinal"],), *listed)
    sight = Sight(caller, parts.runtime.cipher)
    return page([sight.summary(row) for row in rows], following)


@router.post(
    "/jobs/{job_id}/records/search",
    summary="Search a job's records",
    response_model=Page[Record],
    openapi_extra=described(SearchRequest),
)
async def search_records(job_id: UUID, request: Request, parts: PartsDep, caller: PersonalReader) -> Response:
    """Finds records by whole words. Protected persons are found by keys that may see them: a hit tells who it is."""
    body = await read_body(request, SearchRequest)
    listed = ("search", job_id, body.status, body.q)
    after = cursors.read(body.cursor, (cursors.number,), *listed)
    limit, words = min(body.limit, MOST), query_words(body.q)
    sight = Sight(caller, parts.runtime.cipher)
    # Only now: no slow sender holds a connection.
    async with parts.reading.connect() as conn:
        await visible_job(conn, caller, job_id)
        if body.q.strip() and not words:
            return page([], None)
        rows = await results.list_records(
            conn,
            caller.organisation_id,
            job_id,
            status=body.status,
            after=after[0] if after else None,
            limit=limit,
            digests=sight.cipher.digests(caller.organisation_id, words),
            protected=sight.protected or not words,
        )
    rows, following = cursors.page(rows, limit, lambda row: (row["ordinal"],), *listed)
    return page([sight.summary(row) for row in rows], following)


@router.get("/jobs/{job_id}/records/{record_id}", summary="Read a record", response_model=RecordDetail)
async def get_record(job_id: UUID, record_id: UUID, parts: PartsDep, caller: Reader, conn: Snapshot) -> Response:
    """Gives one object's result with what was sent and what was answered."""
    await visible_job(conn, caller, job_id)
    row = await results.find_record(conn, caller.organisation_id, job_id, record_id)
    if row is None:
        raise NotFound("There is no such record.")
    return answer(Sight(caller, parts.runtime.cipher).record(row))


@router.get("/jobs/{job_id}/batches", summary="List a job's calls to Skolverket", response_model=Page[Batch])
async def list_batches(job_id: UUID, caller: Reader, conn: Snapshot, limit: Limit, cursor: Cursor = None) -> Response:
    """Lists every call that was made for the job, in order."""
    listed = ("batches", job_id)
    after = cursors.read(cursor, (cursors.number,), *listed)
    await visible_job(conn, caller, job_id)
    rows = await results.list_batches(
        conn, caller.organisation_id, job_id, after=after[0] if after else None, limit=limit
    )
    rows, following = cursors.page(rows, limit, lambda row: (row["number"],), *listed)
    return page([shapes.batch(row) for row in rows], following)


@router.get("/jobs/{job_id}/batches/{batch_id}", summary="Read a call", response_model=BatchDetail)
async def get_batch(job_id: UUID, batch_id: UUID, parts: PartsDep, caller: Reader, conn: Snapshot) -> Response:
    """Gives one call with the request and the answer to it."""
    await visible_job(conn, caller, job_id)
    row = await results.find_batch(conn, caller.organisation_id, job_id, batch_id)
    if row is None:
        raise NotFound("There is no such call.")
    hidden = await results.protected_among(conn, caller.organisation_id, job_id, row["record_ids"])
    return answer({**shapes.batch(row), **Sight(caller, parts.runtime.cipher).bodies(row, hidden)})
