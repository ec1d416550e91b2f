"""Cancel, retry, send again: each has a page that says what will happen, and a form that does it, once."""

from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.dependencies import Parts, PartsDep, cipher_of, not_theirs_to_allow
from app.api.http.problems import BadRequest, Forbidden
from app.api.run_changes import Changed, RunChanges
from app.api.schemas.requests import ProvisionRequest
from app.db import runs
from app.db.surroundings import Surroundings
from app.views import Shown
from app.web import waiting
from app.web.pages import PageRoute, go_to, show_page
from app.web.paths import PATHS
from app.web.run_page import choices, run_with_surroundings
from app.web.sending import POLICIES, send_once
from app.web.visitors import LanguageDep, OwnForm, Visitor, VisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATHS["cancel"])
async def confirm_cancel(
    run_id: UUID, request: Request, parts: PartsDep, visitor: VisitorDep, _: LanguageDep
) -> Response:
    """Says what a cancel does."""
    return await _confirm(request, parts, visitor, run_id, "cancel")


@router.get(PATHS["retry"])
async def confirm_retry(
    run_id: UUID, request: Request, parts: PartsDep, visitor: VisitorDep, _: LanguageDep
) -> Response:
    """Says what a retry sends, and whether there is something newer to send."""
    return await _confirm(request, parts, visitor, run_id, "retry")


@router.get(PATHS["send_again"])
async def confirm_send_again(
    run_id: UUID, request: Request, parts: PartsDep, visitor: VisitorDep, _: LanguageDep
) -> Response:
    """Says what a new run sends."""
    return await _confirm(request, parts, visitor, run_id, "send_again")


@router.post(PATHS["cancel"])
async def cancel(run_id: UUID, parts: PartsDep, visitor: VisitorDep, language: LanguageDep, form: OwnForm) -> Response:
    """Cancels the run."""

    async def change(conn: AsyncConnection) -> Changed:
        return Changed(run_id, await runs.cancel_run(conn, visitor.caller.organisation_id, run_id))

    await _changeable(parts, visitor, run_id)
    await _changes(parts, visitor, form).make("cancel", "page", run_id, change=change)
    return go_to("run", language, run_id=run_id)


@router.post(PATHS["retry"])
async def retry(run_id: UUID, parts: PartsDep, visitor: VisitorDep, language: LanguageDep, form: OwnForm) -> Response:
    """Lets the run go on, as it was asked for."""

    async def change(conn: AsyncConnection) -> Changed:
        taken_back = not_theirs_to_allow(visitor.viewer)
        of = visitor.caller.organisation_id
        return Changed(run_id, await runs.retry_run(conn, of, run_id, None, taken_back=taken_back))

    await _changeable(parts, visitor, run_id)
    await _changes(parts, visitor, form).make("retry", "page", run_id, change=change)
    return go_to("run", language, run_id=run_id)


@router.post(PATHS["send_again"])
async def send_again(
    run_id: UUID, parts: PartsDep, visitor: VisitorDep, language: LanguageDep, form: OwnForm
) -> Response:
    """Sends the run's exam anew, with its roster as it is now."""
    run, _ = await _changeable(parts, visitor, run_id)
    policy = form.get("on_record_error", "")
    if policy not in POLICIES:
        raise BadRequest("form on_record_error: It is halt or continue.")
    asked = ProvisionRequest.model_validate({"on_record_error": policy})
    sent = await send_once(parts, visitor, UUID(run["activity_id"]), asked, form)
    return go_to("run", language, run_id=sent)


def _changes(parts: Parts, visitor: Visitor, form: dict[str, str]) -> RunChanges:
    """Gives what makes a change once, however often the form is sent."""
    return RunChanges(parts, visitor.caller, cipher_of(parts, visitor.caller), form.get("once") or None)


async def _confirm(request: Request, parts: Parts, visitor: Visitor, run_id: UUID, action: str) -> Response:
    run, around = await _changeable(parts, visitor, run_id)
    return show_page(
        request,
        "confirm.html",
        visitor,
        page="run",
        run=run,
        around=around,
        action=action,
        policies=POLICIES,
        once=uuid4(),
        unfinished=waiting.unfinished(run),
        at_target=waiting.at_target(run),
        **choices(run, around),
    )


async def _changeable(parts: Parts, visitor: Visitor, run_id: UUID) -> tuple[Shown, Surroundings]:
    """Gives a run that the visitor may change; raises Forbidden for a key that only reads."""
    if not visitor.may("provision"):
        raise Forbidden("This key lacks the scope provision.")
    return await run_with_surroundings(parts, visitor.viewer, run_id)
