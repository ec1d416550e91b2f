"""The page Historik: all runs with their stages, those under way first; narrowed by what stands in the address."""

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Annotated, Any, Final, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BeforeValidator

from app.api.dependencies import Parts, PartsDep, cipher_of
from app.api.reading.activities import list_activities
from app.api.reading.jobs import list_jobs
from app.api.reading.runs import list_runs
from app.api.schemas.parts import Kind, Outcome, RunStatus
from app.db import reads
from app.db.history import JobFilter, RunFilter
from app.domain import kinds
from app.views.viewer import Viewer
from app.web.cards import run_card
from app.web.live import Live, show_live
from app.web.moments import end_of, start_of
from app.web.pages import PageRoute
from app.web.paths import PATHS
from app.web.standings import FINISHED, UNDER_WAY, is_under_way
from app.web.visitors import LanguageDep, NarrowedVisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_PAGE: Final = 20
_MOST_UNDER_WAY: Final = 20
# How often the page looks while something is under way, and while nothing is.
_BUSY, _IDLE = 2, 20
# Exams that can be chosen: more than an organisation has in a school year.
_MOST_EXAMS: Final = 200

_KINDS: Final = tuple(kinds.Kind)
_STATUSES: Final = get_args(RunStatus)
_OUTCOMES: Final = ("clean", "with_warnings", "with_errors", "nothing_accepted")

# A field that nobody has filled in is sent as nothing.
_Blank = BeforeValidator(lambda given: given or None)


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody wants to see. With a stage, the state and the outcome are those of that stage."""

    exam: UUID | None = None
    stage: str | None = None
    status: str | None = None
    outcome: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def number(self) -> int:
        """Counts what is narrowed to."""
        return sum(each is not None for each in self.query.values())

    @property
    def query(self) -> dict[str, Any]:
        """Gives them as they stand in an address."""
        return {
            "exam": self.exam,
            "stage": self.stage,
            "status": self.status,
            "outcome": self.outcome,
            "from": self.first,
            "to": self.last,
        }


async def filters_of(
    exam: Annotated[UUID | None, _Blank, Query()] = None,
    stage: Annotated[Kind | None, _Blank, Query()] = None,
    status: Annotated[RunStatus | None, _Blank, Query()] = None,
    outcome: Annotated[Outcome | None, _Blank, Query()] = None,
    first: Annotated[date | None, _Blank, Query(alias="from")] = None,
    last: Annotated[date | None, _Blank, Query(alias="to")] = None,
) -> Filters:
    """Reads them from an address."""
    return Filters(exam, stage, status, outcome, first, last)


@router.get(PATHS["history"], dependencies=[Live])
async def history(
    request: Request,
    parts: PartsDep,
    visitor: NarrowedVisitorDep,
    language: LanguageDep,
    wanted: Annotated[Filters, Depends(filters_of)],
    cursor: Annotated[str | None, _Blank, Query()] = None,
) -> Response:
    """Shows runs; where a stage is asked for, that stage of each run."""
    by_itself = "hx-request" in request.headers
    shown, exams = await asyncio.gather(
        _shown(parts, visitor.viewer, wanted, cursor), _exams(parts, visitor.viewer, wanted, unneeded=by_itself)
    )
    # What is older than a page stays as it is.
    every = None if cursor else _BUSY if shown["busy"] else _IDLE
    return show_live(
        request,
        "history.html",
        "history_runs.html",
        visitor,
        every,
        page="history",
        wanted=wanted,
        cursor=cursor,
        exams=exams,
        kinds=[kind.value for kind in _KINDS],
        statuses=_STATUSES,
        outcomes=_OUTCOMES,
        card=partial(run_card, language=language),
        **shown,
    )


async def _shown(parts: Parts, viewer: Viewer, wanted: Filters, cursor: str | None) -> dict[str, Any]:
    """Gives the list that is asked for, and what is under way beside it where that is not asked for by itself."""
    activity_ids = (wanted.exam,) if wanted.exam else ()
    statuses = (wanted.status,) if wanted.status else ()
    outcomes = (wanted.outcome,) if wanted.outcome else ()
    began = start_of(wanted.first) if wanted.first else None
    ended = end_of(wanted.last) if wanted.last else None
    if wanted.stage is not None:
        of_jobs = JobFilter(
            activity_ids=activity_ids,
            kinds=(wanted.stage,),
            statuses=statuses,
            outcomes=outcomes,
            created_after=began,
            created_before=ended,
        )
        jobs, following = await list_jobs(parts, viewer, of_jobs, cursor, _A_PAGE)
        return _list(jobs=jobs, following=following)
    of_runs = RunFilter(
        activity_ids=activity_ids,
        statuses=statuses or FINISHED,
        outcomes=outcomes,
        created_after=began,
        created_before=ended,
    )
    listed = list_runs(parts, viewer, of_runs, cursor, _A_PAGE)
    if statuses or outcomes:
        runs, following = await listed
        return _list(found=runs, following=following)
    if cursor is not None:
        runs, following = await listed
        return _list(finished=runs, following=following)
    under_way = list_runs(parts, viewer, replace(of_runs, statuses=UNDER_WAY), None, _MOST_UNDER_WAY)
    (busy, more), (runs, following) = await asyncio.gather(under_way, listed)
    return _list(under_way=busy, more_under_way=more is not None, finished=runs, following=following)


def _list(**given: Any) -> dict[str, Any]:
    lists = {name: given.get(name) for name in ("under_way", "finished", "found", "jobs")}
    busy = any(is_under_way(each) for those in lists.values() for each in those or ())
    more = given.get("more_under_way", False)
    return {**lists, "more_under_way": more, "following": given["following"], "busy": busy}


async def _exams(parts: Parts, viewer: Viewer, wanted: Filters, *, unneeded: bool) -> list[tuple[str, str | None]]:
    """Lists the exams that can be chosen, with their names; the one that is chosen is there, whatever became of it."""
    if unneeded:
        return []
    if viewer.school_units is not None:
        own, _ = await list_activities(parts, viewer, limit=_MOST_EXAMS)
        newest = {each["id"]: each["display_name"] for each in own}
    else:
        async with parts.statement(viewer.organisation_id) as conn:
            newest = await reads.newest_activities(conn, cipher_of(parts, viewer), _MOST_EXAMS)
    exams: dict[str, str | None] = {str(activity_id): name for activity_id, name in newest.items()}
    if wanted.exam is not None:
        exams.setdefault(str(wanted.exam), None)
    return sorted(exams.items(), key=lambda each: (each[1] is None, (each[1] or "").casefold()))
