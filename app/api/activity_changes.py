"""An activity is renamed or deleted; its roster comes in through `activities`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from app.api.answers import allows_version, answer
from app.api.bodies import described, read_body
from app.api.dependencies import PartsDep, Provisioner
from app.api.requests import RenameRequest
from app.api.schemas import Activity
from app.db import activities
from app.db.engine import transaction
from app.views.activity import show_activity

router = APIRouter(tags=["Activities"])

IfMatch = Annotated[str | None, Header(description="`*`, or the ETag that is to be changed.")]
_OTHER_VERSION = {"description": "The activity is not in the version that If-Match names."}


@router.patch(
    "/activities/{activity_id}",
    summary="Rename an activity",
    response_model=Activity,
    responses={412: _OTHER_VERSION},
    openapi_extra=described(RenameRequest),
)
async def rename_activity(
    activity_id: UUID, request: Request, parts: PartsDep, caller: Provisioner, if_match: IfMatch = None
) -> Response:
    """Gives an activity another name. Its roster stays as it is; its ETag is a new one."""
    name = (await read_body(request, RenameRequest)).display_name
    async with transaction(parts.runtime.engine, "rename_activity") as conn:
        row = await activities.rename_activity(
            conn,
            caller.organisation_id,
            activity_id,
            name,
            if_match=lambda version: allows_version(if_match, version),
        )
    return answer(show_activity(row), headers={"ETag": f'"{row["version"]}"'})


@router.delete(
    "/activities/{activity_id}",
    summary="Delete an activity",
    status_code=204,
    responses={
        204: {"description": "It is deleted, with its roster."},
        409: {"description": "A run of it is under way."},
        412: _OTHER_VERSION,
    },
)
async def delete_activity(
    activity_id: UUID, parts: PartsDep, caller: Provisioner, if_match: IfMatch = None
) -> Response:
    """Deletes an activity, its plans, and what its roster has where no other roster or run has it; its runs stay.

    Nothing is removed at Skolverket.
    """
    async with transaction(parts.runtime.engine, "delete_activity") as conn:
        await activities.delete_activity(
            conn, caller.organisation_id, activity_id, if_match=lambda version: allows_version(if_match, version)
        )
    return Response(status_code=204)
