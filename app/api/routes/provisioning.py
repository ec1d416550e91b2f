"""Runs: asked for, read, cancelled, tried again. What they do is decided elsewhere."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.dependencies import (
    NarrowedReader,
    PartsDep,
    check_allowed,
    not_theirs_to_allow,
    viewer_of,
    visible_run,
)
from app.api.http.answers import page, polled
from app.api.http.bodies import described, read_body, read_no_body
from app.api.http.history_filters import RunsWanted
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import MadeByAnotherKey, may_refuse
from app.api.reading import runs as reading
from app.api.run_changes import ACCEPTED, NOT_RETRIED, Changed, RunChangesDep, provisioning
from app.api.schemas.parts import Page
from app.api.schemas.requests import ProvisionRequest, RetryRequest
from app.api.schemas.runs import RetriedRun, Run
from app.db import reads, runs
from app.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    RosterShrinks,
    RunAlreadyFinished,
    TooManyWaitingRuns,
)

router = APIRouter(tags=["Runs"])

# Of each request that may come with an Idempotency-Key.
_OF_REPEATS = (IdempotencyKeyInUse, IdempotencyKeyReused)


@router.post(
    "/activities/{activity_id}/provision",
    summary="Send an activity's roster to Skolverket",
    status_code=202,
    response_model=Run,
    responses={202: ACCEPTED, **may_refuse(TooManyWaitingRuns, RosterShrinks, *_OF_REPEATS)},
    openapi_extra=described(ProvisionRequest, required=False),
)
async def provision(activity_id: UUID, request: Request, parts: PartsDep, changes: RunChangesDep) -> Response:
    """Freezes the roster's objects, each in its latest upload in the organisation, into a new run of four jobs.

    Runs of one activity go one at a time, in order of arrival. An object that Skolverket has accepted in a later upload
    by the time of its sending is not sent: its record ends as `unchanged`. A person with less protection than
    Skolverket has accepted or another roster says, or under an id that was another person's, is not sent unless that is
    allowed: its record ends as `skipped`, and holds nobody up. Only a key with the scope `protected` allows these two.
    """
    asked = await read_body(request, ProvisionRequest, required=False)
    check_allowed(viewer_of(changes.caller, parts), asked.allow)
    change = provisioning(parts, changes.caller, activity_id, asked)
    told = (asked.on_record_error, sorted(set(asked.allow)), asked.stops)
    return await changes.once("provision", activity_id, *told, change=change)


@router.get("/runs", summary="List runs", response_model=Page[Run])
async def list_runs(
    parts: PartsDep, viewer: NarrowedReader, wanted: RunsWanted, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists runs of all activities, deleted ones too, with their jobs, the newest first."""
    return page(*await reading.list_runs(parts, viewer, wanted, cursor, limit))


@router.get("/activities/{activity_id}/runs", summary="List an activity's runs", response_model=Page[Run])
async def list_activity_runs(
    activity_id: UUID, parts: PartsDep, viewer: NarrowedReader, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists the runs of an activity with their jobs, the newest first."""
    return page(*await reading.list_runs_of_activity(parts, viewer, activity_id, cursor, limit))


@router.get(
    "/runs/{run_id}",
    summary="Read a run",
    response_model=Run,
    responses={304: {"description": "Nothing has changed since If-None-Match."}, **may_refuse(MadeByAnotherKey)},
)
async def get_run(run_id: UUID, request: Request, parts: PartsDep, viewer: NarrowedReader) -> Response:
    """Gives a run with its four jobs, in order."""
    return polled(request, await reading.poll_run(parts, viewer, run_id))


@router.post(
    "/runs/{run_id}/cancel",
    summary="Cancel a run",
    status_code=202,
    response_model=Run,
    responses={202: ACCEPTED, **may_refuse(MadeByAnotherKey, RunAlreadyFinished, *_OF_REPEATS)},
)
async def cancel_run(run_id: UUID, request: Request, parts: PartsDep, changes: RunChangesDep) -> Response:
    """Sends nothing more; what is under way at Skolverket is followed to its answer first.

    A key without the scope history cancels the runs that it made, and those alone.

    What was called and whose answer never came is looked up once, but for protected
    persons: what Skolverket has as it was sent ends as `warning`.
    """
    await read_no_body(request)
    await visible_run(parts, viewer_of(changes.caller, parts), run_id)

    async def cancel(conn: AsyncConnection) -> Changed:
        return Changed(run_id, await runs.cancel_run(conn, changes.caller.organisation_id, run_id))

    return await changes.once("cancel", run_id, change=cancel)


@router.post(
    "/runs/{run_id}/retry",
    summary="Let a failed or cancelled run go on",
    status_code=202,
    response_model=RetriedRun,
    responses={202: ACCEPTED, **may_refuse(MadeByAnotherKey, *NOT_RETRIED, *_OF_REPEATS)},
    openapi_extra=described(RetryRequest, required=False),
)
async def retry_run(run_id: UUID, request: Request, parts: PartsDep, changes: RunChangesDep) -> Response:
    """Goes on from the first unfinished stage, with what has not succeeded, in the version that the run has frozen.

    `newer_roster_version` says whether the activity has a later roster, which a new run would send.

    A key without the scope history retries the runs that it made, and those alone.
    """
    asked = await read_body(request, RetryRequest, required=False)
    allow = None if asked.allow is None else sorted(set(asked.allow))
    viewer = viewer_of(changes.caller, parts)
    await visible_run(parts, viewer, run_id)
    check_allowed(viewer, allow)

    async def retry(conn: AsyncConnection) -> Changed:
        organisation_id = changes.caller.organisation_id
        wake_ups = await runs.retry_run(
            conn,
            organisation_id,
            run_id,
            asked.on_record_error,
            allow,
            asked.stops,
            taken_back=not_theirs_to_allow(viewer),
        )
        newer = await reads.newer_roster_version(conn, organisation_id, run_id)
        return Changed(run_id, wake_ups, {"newer_roster_version": newer}, allow or ())

    return await changes.once("retry", run_id, asked.on_record_error, allow, asked.stops, change=retry)
