"""Jobs as one viewer is shown them. A key without the scope history is shown those of runs that it has made."""

from dataclasses import astuple

from app.api.dependencies import Parts
from app.api.http import cursors
from app.db import history
from app.db.history import JobFilter
from app.views import Shown
from app.views.job import show_job
from app.views.run import run_of
from app.views.viewer import Viewer


async def list_jobs(
    parts: Parts, viewer: Viewer, wanted: JobFilter, cursor: str | None, limit: int
) -> tuple[list[Shown], str | None]:
    """Lists jobs across the organisation, the newest run first, its jobs in order; gives the next page's cursor too.

    Raises BadRequest for a `cursor` of another list or other filters.
    """
    listed = ("jobs", *astuple(wanted))
    after = cursors.read(cursor, (cursors.moment, cursors.uuid, cursors.number), *listed)
    async with parts.statement() as conn:
        rows = await history.list_jobs(
            conn, viewer.organisation_id, wanted, made_by=viewer.runs_made_by, after=after, limit=limit
        )
    rows, following = cursors.page(
        rows, limit, lambda row: (row["created_at"], row["run_id"], row["position"]), *listed
    )
    return [show_job(row, run_of(row)) for row in rows], following
