"""Runs as one viewer is shown them. A key without the scope history is shown those that it has made."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any
from uuid import UUID

from app.api.dependencies import Parts, check_made_by, cipher_of, visible_run
from app.api.http import cursors
from app.api.http.answers import Polled
from app.api.reading.activities import check_activity
from app.api.reading.narrowed import own_of_list, own_run
from app.db import history, reads
from app.db.history import RunFilter
from app.errors import NotFound
from app.views import Shown
from app.views.narrowed import narrow_run
from app.views.run import show_run
from app.views.sealed import open_run
from app.views.viewer import Viewer


async def poll_run(parts: Parts, viewer: Viewer, run_id: UUID) -> Polled:
    """Gives what a viewer is answered of a run; raises NotFound, and Forbidden for a run of another key."""
    if viewer.school_units is not None:
        return await own_run(parts, viewer, run_id)
    return (await visible_run(parts, viewer, run_id)).answer


async def list_runs(
    parts: Parts, viewer: Viewer, wanted: RunFilter, cursor: str | None, limit: int
) -> tuple[Sequence[Shown], str | None]:
    """Lists runs across the organisation, the newest first, with their jobs; gives the next page's cursor too.

    Raises BadRequest for a `cursor` of another list or other filters.
    """
    listed = ("runs", *astuple(wanted))
    after = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    cipher = cipher_of(parts, viewer)

    async def read(after: tuple[Any, ...] | None, wanted: RunFilter) -> list[Shown]:
        async with parts.statement(viewer.organisation_id) as conn:
            found = await history.list_runs(
                conn, viewer.organisation_id, wanted, made_by=viewer.runs_made_by, after=after, limit=limit
            )
        return [show_run(open_run(run, cipher), jobs) for run, jobs in found]

    def key(shown: Shown) -> tuple[Any, ...]:
        return (shown["created_at"], shown["id"])

    if viewer.school_units is None:
        found = await read(after, wanted)
    else:
        # How the whole of it ended is no matter of a unit's.
        every = replace(wanted, outcomes=())
        found = await own_of_list(
            parts, viewer, lambda after: read(after, every), key, narrow_run, "id", wanted.outcomes, after, limit
        )
    return cursors.page(found, limit, key, *listed)


async def list_runs_of_activity(
    parts: Parts, viewer: Viewer, activity_id: UUID, cursor: str | None, limit: int
) -> tuple[Sequence[Shown], str | None]:
    """Lists the runs of an activity as `list_runs` does; raises NotFound when it is not there, or is deleted."""
    await check_activity(parts, viewer, activity_id)
    return await list_runs(parts, viewer, RunFilter(activity_ids=(activity_id,)), cursor, limit)


async def get_run(parts: Parts, viewer: Viewer, run_id: UUID) -> Shown:
    """Gives a run with its jobs, as it is now; raises NotFound, and Forbidden for a run of another key."""
    async with parts.statement(viewer.organisation_id) as conn:
        found = await reads.find_run_with_jobs(conn, viewer.organisation_id, run_id)
    return _show(found, parts, viewer, "There is no such run.")


async def run_of_job(parts: Parts, viewer: Viewer, job_id: UUID) -> Shown:
    """Gives the run that a job belongs to, with its jobs; raises NotFound, and Forbidden for a run of another key."""
    async with parts.statement(viewer.organisation_id) as conn:
        found = await reads.find_run_of_job(conn, viewer.organisation_id, job_id)
    return _show(found, parts, viewer, "There is no such job.")


async def newer_roster_version(parts: Parts, viewer: Viewer, run_id: UUID) -> int | None:
    """Gives the version of the activity when it has a later roster than the run has frozen, which a retry would send.

    None when there is none, and without the run: for whoever asks before a retry.
    """
    async with parts.statement(viewer.organisation_id) as conn:
        return await reads.newer_roster_version(conn, viewer.organisation_id, run_id)


def _show(found: reads.RunWithJobs | None, parts: Parts, viewer: Viewer, missing: str) -> Shown:
    if found is None:
        raise NotFound(missing)
    run, jobs = found
    check_made_by(viewer, run["requested_by_id"])
    return show_run(open_run(run, cipher_of(parts, viewer)), jobs)
