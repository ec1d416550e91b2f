"""Jobs as one viewer is shown them. A key without the scope history is shown those of runs that it has made."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any
from uuid import UUID

from app.api.dependencies import Parts, cipher_of, visible_run_of_job
from app.api.http import cursors
from app.api.http.answers import Polled
from app.api.reading.narrowed import own_job, own_of_list
from app.db import history
from app.db.history import JobFilter
from app.views import Shown
from app.views.job import show_job
from app.views.narrowed import narrow_job
from app.views.run import run_of
from app.views.sealed import open_run
from app.views.viewer import Viewer


async def poll_job(parts: Parts, viewer: Viewer, job_id: UUID) -> Polled:
    """Gives what a viewer is answered of a job; raises NotFound, and Forbidden for a job of another key's run."""
    if viewer.school_units is not None:
        return await own_job(parts, viewer, job_id)
    return (await visible_run_of_job(parts, viewer, job_id)).jobs[job_id]


async def list_jobs(
    parts: Parts, viewer: Viewer, wanted: JobFilter, cursor: str | None, limit: int
) -> tuple[Sequence[Shown], str | None]:
    """Lists jobs across the organisation, the newest run first, its jobs in order; gives the next page's cursor too.

    Raises BadRequest for a `cursor` of another list or other filters.
    """
    listed = ("jobs", *astuple(wanted))
    after = cursors.read(cursor, (cursors.moment, cursors.uuid, cursors.number), *listed)
    cipher = cipher_of(parts, viewer)

    async def read(after: tuple[Any, ...] | None, wanted: JobFilter) -> list[Shown]:
        async with parts.statement(viewer.organisation_id) as conn:
            rows = await history.list_jobs(
                conn, viewer.organisation_id, wanted, made_by=viewer.runs_made_by, after=after, limit=limit
            )
        return [show_job(row, open_run(run_of(row), cipher)) for row in rows]

    def key(shown: Shown) -> tuple[Any, ...]:
        return (shown["created_at"], shown["run_id"], shown["position"])

    if viewer.school_units is None:
        found = await read(after, wanted)
    else:
        every = replace(wanted, outcomes=())
        found = await own_of_list(
            parts, viewer, lambda after: read(after, every), key, narrow_job, "run_id", wanted.outcomes, after, limit
        )
    return cursors.page(found, limit, key, *listed)
