"""Plans: what a run would do, told without a call of Skolverket. How that is found out is decided elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api import cursors
from app.api.answers import answer, page
from app.api.bodies import described, read_body
from app.api.dependencies import CipherDep, Parts, PartsDep, Planner, Reader, check_made_by
from app.api.lists import MOST_NAMED, Cursor, Limit
from app.api.plan_schemas import Plan, PlanItem
from app.api.problems import BadRequest, Busy
from app.api.requests import PlanRequest
from app.api.schemas import Page
from app.catalogue import catalogue
from app.db import plans, reads
from app.db.cipher import OrganisationCipher
from app.db.planning import MOST_KEPT, make_plan
from app.db.plans import ItemFilter
from app.domain.differences import MARKS
from app.domain.kinds import Kind
from app.domain.plan import Decision
from app.errors import NotFound
from app.views import Shown
from app.views.issue import Names, spoken_of
from app.views.plan import show_item, show_plan
from app.views.record import show_names
from app.views.sealed import open_name, open_plan_item
from app.views.viewer import Viewer

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
    responses={201: _MADE},
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
    async with _place(parts, planner.organisation_id):
        plan_id = await make_plan(
            parts.runtime.engine,
            cipher,
            parts.runtime.target.published,
            activity_id,
            on_record_error=asked.on_record_error,
            allow=asked.allow,
            key_id=planner.key_id,
            key_name=planner.key_name,
            share=parts.intake_share,
        )
    async with parts.statement() as conn:
        row = await plans.find_plan(conn, planner.organisation_id, plan_id)
    if row is None:
        raise NotFound("Newer plans of this activity have been made meanwhile.")
    return answer(show_plan(row), 201, {"Location": f"/plans/{plan_id}"})


@router.get("/activities/{activity_id}/plans", summary="List an activity's plans", response_model=Page[Plan])
async def list_plans(activity_id: UUID, parts: PartsDep, viewer: Reader) -> Response:
    """Lists the plans that are kept of an activity, the newest first."""
    async with parts.statement() as conn:
        version = await reads.roster_version(conn, viewer.organisation_id, activity_id)
    if version is None:
        raise NotFound("There is no such activity.")
    async with parts.statement() as conn:
        rows = await plans.list_plans(conn, viewer.organisation_id, activity_id, made_by=viewer.runs_made_by)
    return page([show_plan(row) for row in rows[:MOST_KEPT]], None)


@router.get("/plans/{plan_id}", summary="Read a plan", response_model=Plan)
async def get_plan(plan_id: UUID, parts: PartsDep, viewer: Reader) -> Response:
    """Gives a plan with its counts."""
    return answer(show_plan(await _visible_plan(parts, viewer, plan_id)))


@router.get("/plans/{plan_id}/items", summary="List what a plan says of each object", response_model=Page[PlanItem])
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
    person whether anything has changed, and not what.
    """
    if unknown := [each for each in mark or () if each not in MARKS]:
        raise BadRequest(f"mark: {len(unknown)} of the values are no marks")
    if unknown := [each for each in code or () if each not in catalogue().issues]:
        raise BadRequest(f"code: {len(unknown)} of the values are no codes of ours")
    wanted = ItemFilter(stage or (), decision or (), mark or (), code or ())
    filters = map(sorted, (wanted.stages, wanted.decisions, wanted.marks, wanted.codes))
    listed = ("plan_items", plan_id, *filters)
    after = cursors.read(cursor, (Kind, cursors.number), *listed)
    await _visible_plan(parts, viewer, plan_id)
    async with parts.reading.connect() as conn:
        rows = await plans.list_items(
            conn,
            viewer.organisation_id,
            plan_id,
            wanted,
            protected=viewer.may_see_protected,
            after=after,
            limit=limit,
        )
    cut, following = cursors.page(rows, limit, lambda row: (row["kind"], row["ordinal"]), *listed)
    opened = [open_plan_item(row, cipher) for row in cut]
    names = await _names(parts, cipher, viewer, plan_id, opened)
    shown: list[Shown] = []
    for row in opened:
        if len(shown) % 20 == 0:
            await asyncio.sleep(0)
        shown.append(show_item(row, viewer, names))
    return page(shown, following)


@asynccontextmanager
async def _place(parts: Parts, organisation_id: UUID) -> AsyncIterator[None]:
    async with AsyncExitStack() as held:
        try:
            await held.enter_async_context(parts.plan_places.take(organisation_id, parts.timeout.place))
        except TimeoutError:
            raise Busy("Too many plans are being made at the moment.") from None
        yield


async def _names(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, plan_id: UUID, opened: Sequence[Shown]
) -> Names:
    """Gives the names of the objects that messages speak of: one more statement, if they speak of any."""
    references = sorted(spoken_of(opened, viewer.published))[:MOST_NAMED]
    if not references:
        return {}
    async with parts.statement() as conn:
        rows = await plans.list_named(conn, viewer.organisation_id, plan_id, references)
    return show_names((open_name(row, cipher) for row in rows), viewer)


async def _visible_plan(parts: Parts, viewer: Viewer, plan_id: UUID) -> Any:
    async with parts.statement() as conn:
        row = await plans.find_plan(conn, viewer.organisation_id, plan_id)
    if row is None:
        raise NotFound("There is no such plan.")
    check_made_by(viewer, row["requested_by_id"])
    return row
