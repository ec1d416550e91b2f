"""Plans: what a run would do, told without a call of Skolverket. How that is found out is decided elsewhere."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import CipherDep, PartsDep, Planner, Reader
from app.api.http.answers import answer, page
from app.api.http.bodies import described, read_body
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import BadRequest, Busy, MadeByAnotherKey, may_refuse
from app.api.reading import plans as reading
from app.api.schemas.parts import Page
from app.api.schemas.plans import Plan, PlanItem
from app.api.schemas.requests import PlanRequest
from app.catalogue import catalogue
from app.db.plans import ItemFilter
from app.domain.differences import MARKS
from app.domain.kinds import Kind
from app.domain.plan import Decision

router = APIRouter(tags=["Plans"])

_MADE = {
    "description": "The plan.",
    "headers": {"Location": {"description": "Where the plan is.", "schema": {"type": "string"}}},
}


@router.post(
    "/activities/{activity_id}/plan",
    summary="Tell what a run would do",
    status_code=201,
    response_model=Plan,
    responses={201: _MADE, **may_refuse(Busy)},
    openapi_extra=described(PlanRequest, required=False),
)
async def create_plan(
    activity_id: UUID, request: Request, parts: PartsDep, cipher: CipherDep, planner: Planner
) -> Response:
    """Compares the roster, each object in its latest upload, with what Skolverket has accepted from us.

    Tells of each object what a run would do with it now and why, and what is new, changed or gone. Nothing is sent, and
    Skolverket is not asked: what it would refuse is known as far as our rules know it.
    """
    asked = await read_body(request, PlanRequest, required=False)
    made = await reading.make(parts, cipher, planner, activity_id, asked)
    return answer(made, 201, {"Location": f"/plans/{made['id']}"})


@router.get("/activities/{activity_id}/plans", summary="List an activity's plans", response_model=Page[Plan])
async def list_plans(
    activity_id: UUID, parts: PartsDep, viewer: Reader, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists the plans that are kept of an activity, the newest first: the five latest of each key, 25 at most."""
    return page(*await reading.list_plans(parts, viewer, activity_id, limit=limit, cursor=cursor))


@router.get("/plans/{plan_id}", summary="Read a plan", response_model=Plan, responses=may_refuse(MadeByAnotherKey))
async def get_plan(plan_id: UUID, parts: PartsDep, viewer: Reader) -> Response:
    """Gives a plan with its counts."""
    return answer(await reading.get_plan(parts, viewer, plan_id))


@router.get(
    "/plans/{plan_id}/items",
    summary="List what a plan says of each object",
    response_model=Page[PlanItem],
    responses=may_refuse(MadeByAnotherKey),
)
async def list_plan_items(
    plan_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: Reader,
    limit: Limit,
    cursor: Cursor = None,
    stage: Annotated[list[Kind] | None, Query(description="Of these stages.")] = None,
    decision: Annotated[list[Decision] | None, Query(description="With one of these decisions.")] = None,
    mark: Annotated[list[str] | None, Query(description="With one of these marks.")] = None,
    code: Annotated[list[str] | None, Query(description="With one of these codes.")] = None,
) -> Response:
    """Lists the objects in the roster's order by stage, then those that have left it; with old and new values.

    Values are shown as long as something else than the plan keeps them, and masked as in what was sent. A key without
    `history` is not shown what was before: old values, and who has left. Without `protected` it is told of a protected
    person whether anything has changed, and not what; without `pii` of every person and duty.
    """
    if unknown := [each for each in mark or () if each not in MARKS]:
        raise BadRequest(f"query mark: {len(unknown)} of the values are no marks.")
    if unknown := [each for each in code or () if each not in catalogue().issues]:
        raise BadRequest(f"query code: {len(unknown)} of the values are no codes of ours.")
    wanted = ItemFilter(stage or (), decision or (), mark or (), code or ())
    return page(*await reading.list_plan_items(parts, cipher, viewer, plan_id, wanted, limit=limit, cursor=cursor))
