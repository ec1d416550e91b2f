"""Jobs: the history across an organisation's activities, and one job for those who wait for it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.dependencies import NarrowedReader, PartsDep
from app.api.http.answers import page, polled
from app.api.http.history_filters import JobsWanted
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import MadeByAnotherKey, may_refuse
from app.api.reading import jobs
from app.api.schemas.parts import Page
from app.api.schemas.runs import Job

router = APIRouter(tags=["Jobs"])


@router.get("/jobs", summary="List jobs", response_model=Page[Job])
async def list_jobs(
    parts: PartsDep, viewer: NarrowedReader, wanted: JobsWanted, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists jobs of all activities, deleted ones too: the newest run first, its jobs in their order."""
    return page(*await jobs.list_jobs(parts, viewer, wanted, cursor, limit))


@router.get(
    "/jobs/{job_id}",
    summary="Read a job",
    response_model=Job,
    responses={304: {"description": "Nothing has changed since If-None-Match."}, **may_refuse(MadeByAnotherKey)},
)
async def get_job(job_id: UUID, request: Request, parts: PartsDep, viewer: NarrowedReader) -> Response:
    """Gives one job with its progress."""
    return polled(request, await jobs.poll_job(parts, viewer, job_id))
