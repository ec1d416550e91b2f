"""What operators see and do over all organisations, with a key that is of none: no person, and no name of one."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api import operated_changes
from app.api.dependencies import OperatorDep, PartsDep
from app.api.http.answers import answer, page
from app.api.http.bodies import described, read_body, read_no_body
from app.api.http.ids import OrganisationNumber, WantedNumber
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import may_refuse
from app.api.reading import operations as reading
from app.api.run_changes import NOT_RETRIED
from app.api.schemas.operations import (
    Diagnosis,
    OperatedChange,
    OperatedOrganisation,
    OperatedPauses,
    OperatedRuns,
    PauseRequest,
)
from app.api.schemas.parts import Page
from app.api.schemas.requests import RetryRequest
from app.errors import RunAlreadyFinished

router = APIRouter(prefix="/operations", tags=["Operations"])

# Seconds until a look is worth while.
_SOON = {"Retry-After": "1"}


@router.get("/runs", summary="List runs under way of all organisations", response_model=OperatedRuns)
async def list_operated_runs(
    parts: PartsDep,
    operator: OperatorDep,
    limit: Limit,
    cursor: Cursor = None,
    organisation: Annotated[list[WantedNumber], Query(description="Only of those with these numbers.")] = [],  # noqa: B006
    level: Annotated[
        list[Literal["error", "warning", "ok"]],
        Query(description="Only what is stuck (`error`), may become so (`warning`), or goes on (`ok`)."),
    ] = [],  # noqa: B006
) -> Response:
    """Lists runs under way with the foremost thing that each waits for, the worst first.

    They are shown as they were at `at`, eight seconds ago at most. Whatever changes its place between two pages may be
    on both, or on none.
    """
    return answer(await reading.list_runs(parts, organisation, level, cursor, limit))


@router.get("/organisations", summary="List organisations", response_model=Page[OperatedOrganisation])
async def list_operated_organisations(
    parts: PartsDep, operator: OperatorDep, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists organisations by their numbers, with what is due of each and what is paused."""
    return page(*await reading.list_organisations(parts, cursor, limit))


@router.get("/doctor", summary="Say what is stuck", response_model=Diagnosis)
async def diagnose(parts: PartsDep, operator: OperatorDep) -> Response:
    """Gives what the command `doctor` says, but for its two trials that take seconds: wake-ups, claims in vain."""
    return answer(await reading.diagnosis(parts))


@router.post(
    "/organisations/{number}/pause",
    summary="Pause an organisation",
    response_model=OperatedPauses,
    openapi_extra=described(PauseRequest),
)
async def pause_organisation(
    number: OrganisationNumber, request: Request, parts: PartsDep, operator: OperatorDep
) -> Response:
    """Lets nothing new of an organisation leave; what is out is followed to its answer. Twice is once."""
    reason = (await read_body(request, PauseRequest)).reason
    return answer(await operated_changes.pause(parts, operator.handle, number, None, reason))


@router.post("/organisations/{number}/resume", summary="Let an organisation go on", response_model=OperatedPauses)
async def resume_organisation(
    number: OrganisationNumber, request: Request, parts: PartsDep, operator: OperatorDep
) -> Response:
    """Ends the pause of a whole organisation; pauses of single activities stay."""
    await read_no_body(request)
    return answer(await operated_changes.resume(parts, operator.handle, number, None))


@router.post(
    "/activities/{number}/{activity_id}/pause",
    summary="Pause an organisation's activity",
    response_model=OperatedPauses,
    openapi_extra=described(PauseRequest),
)
async def pause_organisations_activity(
    number: OrganisationNumber, activity_id: UUID, request: Request, parts: PartsDep, operator: OperatorDep
) -> Response:
    """Lets nothing new of an activity leave; only an operator lets it go on again."""
    reason = (await read_body(request, PauseRequest)).reason
    return answer(await operated_changes.pause(parts, operator.handle, number, activity_id, reason))


@router.post(
    "/activities/{number}/{activity_id}/resume",
    summary="Let an organisation's activity go on",
    response_model=OperatedPauses,
)
async def resume_organisations_activity(
    number: OrganisationNumber, activity_id: UUID, request: Request, parts: PartsDep, operator: OperatorDep
) -> Response:
    """Ends the pauses of an activity, the organisation's own too; one of the whole organisation stays."""
    await read_no_body(request)
    return answer(await operated_changes.resume(parts, operator.handle, number, activity_id))


@router.post(
    "/runs/{run_id}/cancel",
    summary="Cancel a run of any organisation",
    status_code=202,
    response_model=OperatedChange,
    responses=may_refuse(RunAlreadyFinished),
)
async def cancel_operated_run(run_id: UUID, request: Request, parts: PartsDep, operator: OperatorDep) -> Response:
    """Sends nothing more of a run; what is under way is followed to its answer first."""
    await read_no_body(request)
    return answer(await operated_changes.cancel(parts, run_id), 202, _SOON)


@router.post(
    "/runs/{run_id}/retry",
    summary="Let a failed or cancelled run of any organisation go on",
    status_code=202,
    response_model=OperatedChange,
    responses=may_refuse(*NOT_RETRIED),
    openapi_extra=described(RetryRequest, required=False),
)
async def retry_operated_run(run_id: UUID, request: Request, parts: PartsDep, operator: OperatorDep) -> Response:
    """Goes on from the first unfinished stage, with what has not succeeded."""
    asked = await read_body(request, RetryRequest, required=False)
    return answer(await operated_changes.retry(parts, run_id, asked), 202, _SOON)
