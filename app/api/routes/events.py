"""Event streams: a run, a job, or all of an organisation, as they are and then as they change."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.api.auditing import write_change
from app.api.dependencies import Parts, PartsDep, Planner, visible_run, visible_run_of_job
from app.api.event_callers import Following, FollowingDep, new_ticket
from app.api.event_streams import ReadOne, ended_quietly, follow_log, follow_one, id_of
from app.api.http.answers import Polled, answer
from app.api.http.bodies import read_no_body
from app.api.http.event_stream import EventStream, described_events
from app.api.http.problems import BadRequest, InvalidTicket, MadeByAnotherKey, TooManyStreams, may_refuse
from app.api.polling.memory import KeptRun
from app.api.reading.change_cursors import LogPlace
from app.api.schemas.events import EventTicket
from app.views.viewer import Viewer

router = APIRouter(tags=["Events"])

_EXAMPLE: Final = 'retry: 2000\n\nevent: {name}\ndata: {{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6",…}}\nid: {id}\n\n'
_ONE: Final = (
    "An event `{name}` with the {name} as GET gives it, first as it is and then whenever it changes; when it is"
    " finished, `close`. Comments in between are signs of life."
)
_ALL: Final = (
    "Without `Last-Event-ID` an event `run` for each run under way, then `ready`; then an event `run` or `job` for each"
    " that changes; what had changed just before comes once more. After `reset` comes a snapshot again: forget what you"
    " have."
)


async def last_event(
    header: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The id of the last event that came: goes on behind it.")
    ] = None,
    query: Annotated[
        str | None,
        Query(alias="last_event_id", description="The same, for those who can send no header; that counts first."),
    ] = None,
) -> str:
    """Gives the id of the last event that has come, or nothing."""
    return header or query or ""


LastEvent = Annotated[str, Depends(last_event)]


@router.get(
    "/runs/{run_id}/events",
    summary="Follow a run",
    response_class=Response,
    responses=described_events(_ONE.format(name="run"), _EXAMPLE.format(name="run", id="5d41402abc4b2a76"))
    | may_refuse(InvalidTicket, MadeByAnotherKey, TooManyStreams),
)
async def follow_run(run_id: UUID, parts: PartsDep, following: FollowingDep, last: LastEvent) -> Response:
    """Sends the run as it is, then each change, and closes when it is finished.

    Closes early when this process is told to stop, and when the key is revoked or loses its scopes: ask again, with the
    last id, to go on.
    """

    async def read(viewer: Viewer) -> tuple[KeptRun, Polled]:
        run = await visible_run(parts, viewer, run_id)
        return run, run.answer

    return await _stream(parts, following, "run", read, last)


@router.get(
    "/jobs/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses=described_events(_ONE.format(name="job"), _EXAMPLE.format(name="job", id="5d41402abc4b2a76"))
    | may_refuse(InvalidTicket, MadeByAnotherKey, TooManyStreams),
)
async def follow_job(job_id: UUID, parts: PartsDep, following: FollowingDep, last: LastEvent) -> Response:
    """Sends the job as it is, then each change, and closes when it is finished; otherwise as the stream of a run."""

    async def read(viewer: Viewer) -> tuple[KeptRun, Polled]:
        run = await visible_run_of_job(parts, viewer, job_id)
        return run, run.jobs[job_id]

    return await _stream(parts, following, "job", read, last)


@router.get(
    "/events",
    summary="Follow all runs and jobs",
    response_class=Response,
    responses={
        200: described_events(_ALL, _EXAMPLE.format(name="job", id="WyJjNGNh"))[200],
        **may_refuse(InvalidTicket, TooManyStreams),
    },
)
async def follow_all(parts: PartsDep, following: FollowingDep, last: LastEvent) -> Response:
    """Sends the runs under way, then each run and job that changes, in the order of `GET /changes`.

    The ids are its cursors. It ends as the stream of a run does, but never by itself.
    """
    caller, _ = await following.viewer()
    at, reset = None, False
    if last:
        try:
            at = LogPlace.read(last)
        except BadRequest:
            # Of another kind of stream, or of an older version: a browser would take a refusal for the end of all.
            reset = True
    ended = parts.limits.open_stream(caller.key_id)
    return EventStream(ended_quietly(follow_log(parts, following, at, reset=reset)), ended)


@router.post("/events/tickets", summary="Get a ticket for an event stream", status_code=201, response_model=EventTicket)
async def create_ticket(request: Request, parts: PartsDep, caller: Planner) -> Response:
    """Makes a ticket for `?ticket=` of an event stream: a browser's EventSource can send no header.

    It is good for a minute, any number of times, for event streams alone, and for what the key may do. When the key is
    revoked it is worth nothing, and streams that it has opened end.
    """
    await read_no_body(request)
    async with parts.transaction("make_ticket", of=caller.organisation_id) as conn:
        await write_change(conn, caller.organisation_id, "make_ticket")
    ticket, expires_at = new_ticket(parts, caller)
    return answer({"ticket": ticket, "expires_at": datetime.fromtimestamp(expires_at, UTC)}, 201)


async def _stream(parts: Parts, following: Following, name: str, read: ReadOne, last: str) -> Response:
    """Answers before the stream begins who may not follow, and who has it all."""
    caller, viewer = await following.viewer()
    _, now = await read(viewer)
    if now.finished and last == id_of(now):
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    ended = parts.limits.open_stream(caller.key_id)
    return EventStream(ended_quietly(follow_one(parts, following, name, read, last)), ended)
