"""An activity is renamed or deleted; its roster comes in through `activities`."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.auditing import write_change
from app.api.dependencies import PartsDep, Provisioner, cipher_of, viewer_of
from app.api.http.answers import answer_version
from app.api.http.bodies import described, read_body
from app.api.http.conditions import ChangeConditions
from app.api.http.problems import may_refuse
from app.api.reading.activities import shown_activity
from app.api.schemas.activities import Activity
from app.api.schemas.requests import RenameRequest
from app.db import activities
from app.errors import PreconditionFailed, RunUnderWay
from app.views.sealed import open_activity

router = APIRouter(tags=["Activities"])


@router.patch(
    "/activities/{activity_id}",
    summary="Rename an activity",
    response_model=Activity,
    responses=may_refuse(PreconditionFailed),
    openapi_extra=described(RenameRequest),
)
async def rename_activity(
    activity_id: UUID, request: Request, parts: PartsDep, caller: Provisioner, conditions: ChangeConditions
) -> Response:
    """Gives an activity another name. Its roster stays as it is; its ETag is a new one."""
    name = (await read_body(request, RenameRequest)).display_name
    cipher = cipher_of(parts, caller)
    async with parts.transaction("rename_activity", of=caller.organisation_id) as conn:
        row = await activities.rename_activity(
            conn,
            cipher,
            activity_id,
            name,
            made_by=viewer_of(caller, parts).runs_made_by,
            if_match=conditions.allow,
        )
        await write_change(conn, caller.organisation_id, "rename_activity", activity_id=activity_id)
    parts.runs.changed_here(activity_id)
    shown = await shown_activity(parts, viewer_of(caller, parts), open_activity(row, cipher))
    return answer_version(shown, row["version"])


@router.delete(
    "/activities/{activity_id}",
    summary="Delete an activity",
    status_code=204,
    responses={
        204: {"description": "It is deleted, with its roster."},
        **may_refuse(RunUnderWay, PreconditionFailed),
    },
)
async def delete_activity(
    activity_id: UUID, parts: PartsDep, caller: Provisioner, conditions: ChangeConditions
) -> Response:
    """Deletes an activity, its plans, and what its roster has where no other roster or run has it; its runs stay.

    Nothing is removed at Skolverket.
    """
    async with parts.transaction("delete_activity", of=caller.organisation_id) as conn:
        await activities.delete_activity(conn, caller.organisation_id, activity_id, if_match=conditions.allow)
        await write_change(conn, caller.organisation_id, "delete_activity", activity_id=activity_id)
    parts.runs.changed_here(activity_id)
    return Response(status_code=204)
