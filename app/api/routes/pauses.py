"""An organisation pauses an activity of its own, and lets it go on. Pauses of operators are in `operations`."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.auditing import write_change
from app.api.dependencies import PartsDep, Pauser, cipher_of
from app.api.http.answers import answer
from app.api.http.bodies import described, read_body, read_no_body
from app.api.reading import operations as reading
from app.api.schemas.operations import ActivityPauses, PauseRequest
from app.db import pauses

router = APIRouter(tags=["Activities"])


@router.post(
    "/activities/{activity_id}/pause",
    summary="Pause an activity",
    response_model=ActivityPauses,
    openapi_extra=described(PauseRequest),
)
async def pause_activity(activity_id: UUID, request: Request, parts: PartsDep, caller: Pauser) -> Response:
    """Lets nothing new of an activity leave; what is out is followed to its answer, and then its run is `held`.

    New runs are accepted and wait. A held run can be cancelled. Twice is once, with the first reason. It takes the
    scope `admin`, or `provision` with `history`: a pause keeps other keys' runs too.
    """
    reason = (await read_body(request, PauseRequest)).reason
    place = pauses.Place(caller.organisation_id, activity_id)
    async with parts.transaction("pause", of=caller.organisation_id) as conn:
        wake_ups = await pauses.pause(conn, place, cipher=cipher_of(parts, caller), who=caller.handle, reason=reason)
        await write_change(conn, caller.organisation_id, "pause", activity_id=activity_id)
        shown = await reading.pauses(conn, None, place, cipher_of(parts, caller))
    parts.runs.changed_here(activity_id)
    await parts.runtime.notifier.wake_up(wake_ups)
    return answer(shown)


@router.post("/activities/{activity_id}/resume", summary="Let an activity go on", response_model=ActivityPauses)
async def resume_activity(activity_id: UUID, request: Request, parts: PartsDep, caller: Pauser) -> Response:
    """Ends the organisation's own pause of an activity; one that an operator has made stays, and is in the answer.

    What is not paused stays as it is.
    """
    await read_no_body(request)
    place = pauses.Place(caller.organisation_id, activity_id)
    async with parts.transaction("resume", of=caller.organisation_id) as conn:
        wake_ups = await pauses.resume(conn, place, by="organisation", who=caller.handle)
        await write_change(conn, caller.organisation_id, "resume", activity_id=activity_id)
        shown = await reading.pauses(conn, None, place, cipher_of(parts, caller))
    parts.runs.changed_here(activity_id)
    await parts.runtime.notifier.wake_up(wake_ups)
    return answer(shown)
