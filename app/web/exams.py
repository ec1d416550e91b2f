"""The pages of exams: which there are, who is missing in one, and which pupils those are."""

import asyncio
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import PartsDep, cipher_of
from app.api.reading.activities import get_activity, list_activities, runs_going_on
from app.api.reading.readiness import PupilFilter, list_pupils, read_readiness
from app.domain.standing import State
from app.views import Shown
from app.web.pages import PageRoute, show_page
from app.web.paths import PATHS
from app.web.pauses import all_pauses, pauses_of
from app.web.visitors import LanguageDep, NarrowedVisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_EXAMS, _GROUPS, _PUPILS = 30, 50, 100
# How those stand who are not through, the most urgent first.
_NOT_THROUGH: Final = (State.HINDERED, State.NOT_SENT, State.UNDER_WAY, State.NOT_IN_EXAM)

Cursor = Annotated[str | None, Query()]


@router.get(PATHS["exams"])
async def exams(
    request: Request, parts: PartsDep, visitor: NarrowedVisitorDep, _: LanguageDep, cursor: Cursor = None
) -> Response:
    """Shows the organisation's exams, the newest first, each with the run that goes on, or else its latest."""
    viewer = visitor.viewer
    shown, following = await list_activities(parts, viewer, limit=_EXAMS, cursor=cursor)
    going, pauses = await asyncio.gather(
        # A later one may wait behind it, or have been cancelled.
        runs_going_on(parts, viewer, [each["id"] for each in shown]),
        all_pauses(parts, viewer),
    )
    runs = {each["id"]: going.get(each["id"]) or each["last_run"] for each in shown}
    return show_page(
        request, "exams.html", visitor, page="exams", exams=shown, runs=runs, pauses=pauses, following=following
    )


@router.get(PATHS["exam"])
async def exam(
    request: Request,
    activity_id: UUID,
    parts: PartsDep,
    visitor: NarrowedVisitorDep,
    _: LanguageDep,
    cursor: Cursor = None,
) -> Response:
    """Shows who is missing in an exam: how many, why, and in which groups."""
    cipher = cipher_of(parts, visitor.caller)
    shown = await read_readiness(
        parts, cipher, visitor.viewer, activity_id, limit=_GROUPS, cursor=cursor, missing_first=True
    )
    groups = shown["groups"]["data"]
    return show_page(
        request,
        "exam.html",
        visitor,
        page="exams",
        activity=shown["activity"],
        ready=shown,
        pauses=await pauses_of(parts, visitor.viewer, activity_id),
        causes={each["id"]: each for each in shown["causes"]},
        missing=[each for each in groups if _misses_somebody(each)],
        well=[each for each in groups if not _misses_somebody(each)],
        following=shown["groups"]["next_cursor"],
    )


@router.get(PATHS["missing"])
async def missing(
    request: Request,
    activity_id: UUID,
    parts: PartsDep,
    visitor: NarrowedVisitorDep,
    _: LanguageDep,
    state: Annotated[list[State] | None, Query()] = None,
    cause: Annotated[list[str] | None, Query(max_length=20)] = None,
    group: Annotated[list[UUID] | None, Query(max_length=20)] = None,
    cursor: Cursor = None,
) -> Response:
    """Shows the pupils of an exam who are not through, or those in the states that are asked for."""
    shown = await get_activity(parts, visitor.viewer, activity_id)
    wanted = PupilFilter(state or (), cause or (), group or ())
    cipher = cipher_of(parts, visitor.caller)
    pupils, following = await list_pupils(
        parts, cipher, visitor.viewer, activity_id, wanted, limit=_PUPILS, cursor=cursor
    )
    return show_page(
        request,
        "missing.html",
        visitor,
        page="exams",
        activity=shown,
        pupils=pupils,
        following=following,
        states=_NOT_THROUGH,
        wanted={"state": [each.value for each in wanted.states], "cause": wanted.causes, "group": wanted.groups},
    )


def _misses_somebody(group: Shown) -> bool:
    return bool(group["pupils"]["through"] < group["pupils"]["total"])
