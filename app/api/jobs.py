"""Jobs: the history across an organisation's activities, and one job for those who wait for it."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator

from app.api import cursors
from app.api.answers import page, polled
from app.api.dependencies import PartsDep, Reader, SingleStatement, visible_run_of_job
from app.api.lists import Cursor, Limit
from app.api.schemas import Job, JobStatus, Kind, Outcome, Page
from app.db import reads
from app.views.job import show_job
from app.views.run import run_of

router = APIRouter(tags=["Jobs"])

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _written_out(given: Any) -> Any:
    """Raises ValueError for what pydantic would make a time of as well: seconds since 1970, a date alone."""
    if not isinstance(given, str) or not _RFC_3339.fullmatch(given):
        raise ValueError
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]


@router.get("/jobs", summary="List jobs", response_model=Page[Job])
async def list_jobs(
    viewer: Reader,
    conn: SingleStatement,
    limit: Limit,
    activity_id: UUID | None = None,
    run_id: UUID | None = None,
    stage: Kind | None = None,
    status: JobStatus | None = None,
    outcome: Outcome | None = None,
    created_after: Annotated[Moment | None, Query(examples=["2026-11-23T08:00:00Z"])] = None,
    cursor: Cursor = None,
) -> Response:
    """Lists jobs of all activities: the newest run first, its jobs in their order."""
    after: datetime | None = created_after
    listed = ("jobs", activity_id, run_id, stage, status, outcome, after)
    key = cursors.read(cursor, (cursors.moment, cursors.uuid, cursors.number), *listed)
    wanted = reads.JobFilter(activity_id, run_id, stage, status, outcome, after)
    rows = await reads.list_jobs(
        conn, viewer.organisation_id, wanted, made_by=viewer.runs_made_by, after=key, limit=limit
    )
    rows, following = cursors.page(
        rows, limit, lambda row: (row["created_at"], row["run_id"], row["position"]), *listed
    )
    return page([show_job(row, run_of(row)) for row in rows], following)


@router.get(
    "/jobs/{job_id}",
    summary="Read a job",
    response_model=Job,
    responses={304: {"description": "Nothing has changed since If-None-Match."}},
)
async def get_job(job_id: UUID, request: Request, parts: PartsDep, viewer: Reader) -> Response:
    """Gives one job with its progress."""
    return polled(request, (await visible_run_of_job(parts, viewer, job_id)).jobs[job_id])
