"""Runs: asked for, read, cancelled, tried again. What they do is decided elsewhere."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import cursors
from app.api.answers import answer, page, polled, to_json
from app.api.bodies import described, read_body
from app.api.dependencies import (
    Credentials,
    PartsDep,
    Provisioner,
    Reader,
    Snapshot,
    caller_of,
    viewer_of,
    visible_run,
)
from app.api.lists import Cursor, Limit
from app.api.outages import OUTAGES, log_outage
from app.api.problems import BadRequest
from app.api.requests import ProvisionRequest, RetryRequest
from app.api.schemas import Page, Run
from app.db import activity_queue, idempotency, reads, runs
from app.db.engine import transaction
from app.errors import NotFound, Problem
from app.views import Row, Shown
from app.views.run import show_run

router = APIRouter(tags=["Runs"])

# How often a stream reads its run while the watcher has no answers.
_POLL_SECONDS = 1.0
_ACCEPTED = {
    "description": "The run, stored with its four jobs.",
    "headers": {
        "Location": {"description": "Where the run is.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds until a look is worth while.", "schema": {"type": "integer"}},
    },
}

_NOT_NOW = (
    "As many runs wait as may, of the activity or the organisation; the key's first request goes on; or the roster is"
    " without objects after one that was sent with some, and that was not allowed (`roster-shrinks`)."
)


@router.post(
    "/activities/{activity_id}/provision",
    summary="Send an activity's roster to Skolverket",
    status_code=202,
    response_model=Run,
    responses={202: _ACCEPTED, 409: {"description": _NOT_NOW}},
    openapi_extra=described(ProvisionRequest, required=False),
)
async def provision(
    activity_id: UUID,
    request: Request,
    parts: PartsDep,
    caller: Provisioner,
    idempotency_key: Annotated[
        str | None, Header(description="Repeats with the same key get the same answer, for 24 hours.")
    ] = None,
) -> Response:
    """Freezes the roster's objects, each in its latest upload in the organisation, into a new run of four jobs.

    Runs of one activity go one at a time, in order of arrival. An object that Skolverket has accepted in a later upload
    by the time of its sending is not sent: its record ends as `unchanged`. A person with less protection than
    Skolverket has accepted or another roster says, or under an id that was another person's, is not sent unless that is
    allowed: its record ends as `skipped`, and holds nobody up.
    """
    asked = await read_body(request, ProvisionRequest, required=False)
    policy, allow = asked.on_record_error, sorted(set(asked.allow))
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 255:
        raise BadRequest("header Idempotency-Key: it has 1 to 255 characters")
    wake_ups: list[activity_queue.WakeUp] = []
    async with transaction(parts.runtime.engine, "provision") as conn:
        stored = None
        digest = idempotency.digest_of("provision", activity_id, policy, allow)
        if idempotency_key is not None:
            stored = await idempotency.find(conn, caller.organisation_id, idempotency_key, digest)
        if stored is None:
            accepted = await runs.accept_run(
                conn,
                organisation_id=caller.organisation_id,
                activity_id=activity_id,
                on_record_error=policy,
                key_id=caller.key_id,
                key_name=caller.key_name,
                most_waiting=parts.runtime.settings.max_organisation_waiting_runs,
                allow=allow,
            )
            wake_ups = accepted.wake_ups
            shown = await _changed_run(conn, caller.organisation_id, accepted.run_id)
            stored = idempotency.Stored(202, _where(accepted.run_id), to_json(shown).decode("ascii"))
            if idempotency_key is not None:
                await idempotency.keep(conn, caller.organisation_id, idempotency_key, digest, stored)
    parts.runs.changed_here(activity_id)
    # Only now: a worker that hears of the run must find it.
    await parts.runtime.notifier.wake_up(wake_ups)
    return Response(stored.body, stored.status, headers=stored.headers, media_type="application/json")


@router.get("/activities/{activity_id}/runs", summary="List an activity's runs", response_model=Page[Run])
async def list_runs(activity_id: UUID, viewer: Reader, conn: Snapshot, limit: Limit, cursor: Cursor = None) -> Response:
    """Lists the runs of an activity with their jobs, the newest first."""
    listed = ("runs", activity_id)
    before = cursors.read(cursor, (cursors.number,), *listed)
    if await reads.roster_version(conn, viewer.organisation_id, activity_id) is None:
        raise NotFound("There is no such activity.")
    rows = await reads.list_runs(
        conn, viewer.organisation_id, activity_id, made_by=viewer.runs_made_by, before=before, limit=limit
    )
    rows, following = cursors.page(rows, limit, lambda row: (row["sequence"],), *listed)
    jobs = await reads.jobs_of(conn, viewer.organisation_id, [row["id"] for row in rows])
    return page([show_run(row, jobs[row["id"]]) for row in rows], following)


@router.get(
    "/runs/{run_id}",
    summary="Read a run",
    response_model=Run,
    responses={304: {"description": "Nothing has changed since If-None-Match."}},
)
async def get_run(run_id: UUID, request: Request, parts: PartsDep, viewer: Reader) -> Response:
    """Gives a run with its four jobs, in order."""
    return polled(request, (await visible_run(parts, viewer, run_id)).answer)


@router.post(
    "/runs/{run_id}/cancel",
    summary="Cancel a run",
    status_code=202,
    response_model=Run,
    responses={202: _ACCEPTED, 409: {"description": "The run is finished."}},
)
async def cancel_run(run_id: UUID, parts: PartsDep, caller: Provisioner) -> Response:
    """Sends nothing more; what is under way at Skolverket is followed to its answer first.

    A key without the scope history cancels the runs that it made, and those alone.

    What was called and whose answer never came is looked up once, but for protected
    persons: what Skolverket has as it was sent ends as `warning`.
    """
    await visible_run(parts, viewer_of(caller, parts), run_id)
    async with transaction(parts.runtime.engine, "cancel") as conn:
        wake_ups = await runs.cancel_run(conn, caller.organisation_id, run_id)
        shown = await _changed_run(conn, caller.organisation_id, run_id)
    parts.runs.changed_here(shown["activity_id"])
    await parts.runtime.notifier.wake_up(wake_ups)
    return answer(shown, 202, _where(run_id))


@router.post(
    "/runs/{run_id}/retry",
    summary="Let a failed or cancelled run go on",
    status_code=202,
    response_model=Run,
    responses={202: _ACCEPTED, 409: {"description": "The run is in another state, or not its activity's latest."}},
    openapi_extra=described(RetryRequest, required=False),
)
async def retry_run(run_id: UUID, request: Request, parts: PartsDep, caller: Provisioner) -> Response:
    """Goes on from the first unfinished stage, with what has not succeeded.

    A key without the scope history retries the runs that it made, and those alone.
    """
    asked = await read_body(request, RetryRequest, required=False)
    await visible_run(parts, viewer_of(caller, parts), run_id)
    async with transaction(parts.runtime.engine, "retry") as conn:
        wake_ups = await runs.retry_run(conn, caller.organisation_id, run_id, asked.on_record_error, asked.allow)
        shown = await _changed_run(conn, caller.organisation_id, run_id)
    parts.runs.changed_here(shown["activity_id"])
    await parts.runtime.notifier.wake_up(wake_ups)
    return answer(shown, 202, _where(run_id))


async def _may_follow(run_id: UUID, parts: PartsDep, viewer: Reader) -> None:
    """Checks before the stream begins: afterwards its status has left."""
    await visible_run(parts, viewer, run_id)


@router.get(
    "/runs/{run_id}/events",
    summary="Follow a run",
    response_class=EventSourceResponse,
    responses={200: {"description": "An event `run` with the run, first as it is and then whenever it changes."}},
    dependencies=[Depends(_may_follow)],
)
async def follow_run(run_id: UUID, parts: PartsDep, given: Credentials) -> AsyncIterator[ServerSentEvent]:
    """Sends the run as it is, then each change, and closes when it is finished.

    Closes early when this process is told to stop, and when the key is revoked: ask again to go on.
    """
    seen = b""
    with parts.runs.followers.following() as follower:
        while not parts.stopping.is_set():
            try:
                caller = await caller_of(parts, given)
                run = await visible_run(parts, viewer_of(caller, parts), run_id)
            except Problem:
                return
            except OUTAGES as exc:
                log_outage(exc)
                return
            follower.has_seen((run_id, run.version), (caller.handle, caller.version))
            if run.answer.body != seen:
                yield ServerSentEvent(event="run", raw_data=run.answer.body.decode("ascii"))
                seen = run.answer.body
            if run.answer.finished:
                return
            await follower.wait(None if parts.runs.watcher.fresh else _POLL_SECONDS)


def _where(run_id: UUID) -> dict[str, str]:
    return {"Location": f"/runs/{run_id}", "Retry-After": "1"}


async def _changed_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> Shown:
    row = await reads.find_run(conn, organisation_id, run_id)
    assert row is not None  # noqa: S101 - its change is in this transaction
    return await _with_jobs(conn, row)


async def _with_jobs(conn: AsyncConnection, row: Row) -> Shown:
    """Shows a run that was read: what GET answers, and what a stream sends."""
    jobs = await reads.jobs_of(conn, row["organisation_id"], [row["id"]])
    return show_run(row, jobs[row["id"]])
