"""Runs as one viewer is shown them. A key without the scope history is shown those that it has made."""

from dataclasses import astuple
from uuid import UUID

from app.api.dependencies import Parts, check_made_by
from app.api.http import cursors
from app.db import history, reads
from app.db.history import RunFilter
from app.errors import NotFound
from app.views import Shown
from app.views.run import show_run
from app.views.viewer import Viewer


async def list_runs(
    parts: Parts, viewer: Viewer, wanted: RunFilter, cursor: str | None, limit: int
) -> tuple[list[Shown], str | None]:
    """Lists runs across the organisation, the newest first, with their jobs; gives the next page's cursor too.

    Raises BadRequest for a `cursor` of another list or other filters.
    """
    listed = ("runs", *astuple(wanted))
    after = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    async with parts.statement() as conn:
        found = await history.list_runs(
            conn, viewer.organisation_id, wanted, made_by=viewer.runs_made_by, after=after, limit=limit
        )
    rows, following = cursors.page(found, limit, lambda each: (each[0]["created_at"], each[0]["id"]), *listed)
    return [show_run(*each) for each in rows], following


async def list_runs_of_activity(
    parts: Parts, viewer: Viewer, activity_id: UUID, cursor: str | None, limit: int
) -> tuple[list[Shown], str | None]:
    """Lists the runs of an activity as `list_runs` does; raises NotFound when it is not there, or is deleted."""
    async with parts.statement() as conn:
        if await reads.roster_version(conn, viewer.organisation_id, activity_id) is None:
            raise NotFound("There is no such activity.")
    return await list_runs(parts, viewer, RunFilter(activity_ids=(activity_id,)), cursor, limit)


async def get_run(parts: Parts, viewer: Viewer, run_id: UUID) -> Shown:
    """Gives a run with its jobs, as it is now; raises NotFound, and Forbidden for a run of another key."""
    async with parts.statement() as conn:
        found = await reads.find_run_with_jobs(conn, viewer.organisation_id, run_id)
    return _show(found, viewer, "There is no such run.")


async def run_of_job(parts: Parts, viewer: Viewer, job_id: UUID) -> Shown:
    """Gives the run that a job belongs to, with its jobs; raises NotFound, and Forbidden for a run of another key."""
    async with parts.statement() as conn:
        found = await reads.find_run_of_job(conn, viewer.organisation_id, job_id)
    return _show(found, viewer, "There is no such job.")


async def newer_roster_version(parts: Parts, viewer: Viewer, run_id: UUID) -> int | None:
    """Gives the version of the activity when it has a later roster than the run has frozen, which a retry would send.

    None when there is none, and without the run: for whoever asks before a retry.
    """
    async with parts.statement() as conn:
        return await reads.newer_roster_version(conn, viewer.organisation_id, run_id)


def _show(found: reads.RunWithJobs | None, viewer: Viewer, missing: str) -> Shown:
    if found is None:
        raise NotFound(missing)
    check_made_by(viewer, found[0]["requested_by_id"])
    return show_run(*found)
