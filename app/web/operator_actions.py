"""What operators do on the pages: pause, resume, cancel, retry. Each has a page first that says what will happen."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from app.api import operated_changes
from app.api.dependencies import PartsDep
from app.api.http.ids import OrganisationNumber
from app.api.http.problems import BadRequest
from app.api.reading import operations as reading
from app.api.schemas.operations import PauseRequest
from app.api.schemas.requests import RetryRequest
from app.views import Shown
from app.web.pages import PageRoute, go_to, show_page
from app.web.paths import PATHS
from app.web.standings import FINISHED
from app.web.visitors import LanguageDep, OperatorVisitor, OperatorVisitorDep, OwnForm

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# Without one it is all of the organisation.
Activity = Annotated[UUID | None, Query()]


@router.get(PATHS["operator_pause"])
async def confirm_pause(
    number: OrganisationNumber,
    request: Request,
    parts: PartsDep,
    visitor: OperatorVisitorDep,
    _: LanguageDep,
    activity: Activity = None,
) -> Response:
    """Says what a pause does, and asks for its reason."""
    return _confirm(request, visitor, "pause", await reading.read_organisation(parts, number, 0), activity=activity)


@router.get(PATHS["operator_resume"])
async def confirm_resume(
    number: OrganisationNumber,
    request: Request,
    parts: PartsDep,
    visitor: OperatorVisitorDep,
    _: LanguageDep,
    activity: Activity = None,
) -> Response:
    """Says what goes on, and what stays paused."""
    return _confirm(request, visitor, "resume", await reading.read_organisation(parts, number, 0), activity=activity)


@router.get(PATHS["operator_cancel"])
async def confirm_cancel(
    run_id: UUID, request: Request, parts: PartsDep, visitor: OperatorVisitorDep, _: LanguageDep
) -> Response:
    """Says what a cancel does."""
    run = await reading.read_run(parts, run_id)
    organisation = await reading.read_organisation(parts, run["organisation"], 0)
    possible = run["status"] not in FINISHED and not run["cancel_requested"]
    return _confirm(request, visitor, "cancel", organisation, run=run, possible=possible)


@router.get(PATHS["operator_retry"])
async def confirm_retry(
    run_id: UUID, request: Request, parts: PartsDep, visitor: OperatorVisitorDep, _: LanguageDep
) -> Response:
    """Says what a retry sends."""
    run = await reading.read_run(parts, run_id)
    organisation = await reading.read_organisation(parts, run["organisation"], 0)
    return _confirm(request, visitor, "retry", organisation, run=run, possible=run["status"] in {"failed", "cancelled"})


@router.post(PATHS["operator_pause"])
async def pause(
    number: OrganisationNumber,
    parts: PartsDep,
    visitor: OperatorVisitorDep,
    language: LanguageDep,
    form: OwnForm,
    activity: Activity = None,
) -> Response:
    """Lets nothing new of an activity leave, or of the whole organisation. Twice is once."""
    try:
        reason = PauseRequest.model_validate({"reason": form.get("reason", "")}).reason
    except ValidationError:
        raise BadRequest("form reason: It has 1 to 200 characters.") from None
    await operated_changes.pause(parts, visitor.operator.handle, number, activity, reason)
    return go_to("operated", language, number=number)


@router.post(PATHS["operator_resume"])
async def resume(
    number: OrganisationNumber,
    parts: PartsDep,
    visitor: OperatorVisitorDep,
    language: LanguageDep,
    _: OwnForm,
    activity: Activity = None,
) -> Response:
    """Lets an activity go on, or the whole organisation. Twice is once."""
    await operated_changes.resume(parts, visitor.operator.handle, number, activity)
    return go_to("operated", language, number=number)


@router.post(PATHS["operator_cancel"])
async def cancel(
    run_id: UUID, parts: PartsDep, visitor: OperatorVisitorDep, language: LanguageDep, _: OwnForm
) -> Response:
    """Cancels a run."""
    changed = await operated_changes.cancel(parts, run_id)
    return go_to("operated", language, number=changed["organisation"])


@router.post(PATHS["operator_retry"])
async def retry(
    run_id: UUID, parts: PartsDep, visitor: OperatorVisitorDep, language: LanguageDep, _: OwnForm
) -> Response:
    """Lets a run go on, as it was asked for."""
    changed = await operated_changes.retry(parts, run_id, RetryRequest())
    return go_to("operated", language, number=changed["organisation"])


def _confirm(
    request: Request,
    visitor: OperatorVisitor,
    action: str,
    organisation: Shown,
    *,
    activity: UUID | None = None,
    run: Shown | None = None,
    possible: bool = True,
) -> Response:
    return show_page(
        request,
        "operator_confirm.html",
        visitor,
        page="operated",
        action=action,
        organisation=organisation,
        activity=activity,
        run=run,
        possible=possible,
    )
