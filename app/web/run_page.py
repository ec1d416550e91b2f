"""The page of a run: its chain of stages, where it stands and what keeps it, what came of it, and what can be done."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.dependencies import Parts, PartsDep, cipher_of
from app.api.reading.records import RecordQuery, read_records
from app.api.reading.runs import poll_run
from app.catalogue import Language, explain
from app.db.record_lists import RecordFilter
from app.db.surroundings import Surroundings, surroundings_of
from app.errors import NotFound
from app.views import Shown
from app.views.viewer import Viewer
from app.web import waiting
from app.web.causes import MOST, Cause, causes_of, explained_by, ranked, read_examples
from app.web.live import Live, show_live
from app.web.pages import PageRoute
from app.web.paths import PATHS
from app.web.pauses import pauses_of
from app.web.standings import is_under_way, run_headline_of
from app.web.visitors import LanguageDep, NarrowedVisitorDep, Visitor

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# The counts of a stage in the order in which they are shown, each with the words that lists have.
COUNTS: Final = ("succeeded", "unchanged", "warnings", "errors", "skipped", "sent", "pending")
_EVERY: Final = 2
_NOT_CLEAN: Final = ("warnings", "errors", "skipped")


@router.get(PATHS["run"], dependencies=[Live])
async def show_run_page(
    run_id: UUID, request: Request, parts: PartsDep, visitor: NarrowedVisitorDep, language: LanguageDep
) -> Response:
    """Shows the run; as long as it is under way the page asks for what is new."""
    run, around = await run_with_surroundings(parts, visitor.viewer, run_id)
    reason = waiting.reason_of(run, around)
    explained = explain(reason.code) if reason and reason.code else None
    causes = await _causes(parts, visitor, run, language)
    # A held run says whose pause it is; one whose call is out, or that waits behind another, is paused as well.
    may_be_paused = is_under_way(run) and not run["held"]
    pauses = await pauses_of(parts, visitor.viewer, UUID(run["activity_id"])) if may_be_paused else ()
    now = datetime.now(UTC)
    return show_live(
        request,
        "run.html",
        "run_state.html",
        visitor,
        _EVERY if is_under_way(run) else None,
        page="run",
        run=run,
        around=around,
        reason=reason,
        pauses=pauses,
        explained=getattr(explained, language, None),
        counts=COUNTS,
        causes=causes[:MOST],
        more_causes=causes[MOST:],
        headline=run_headline_of(run),
        at_stage=stopped["stage"] if (stopped := waiting.current_job(run["jobs"])) else None,
        fault=fault_of(run, language),
        # Another try with the same roster fails of the same.
        mend_first=any(cause.tone == "bad" for cause in causes),
        left={job["id"]: waiting.minutes_left(job, now) for job in run["jobs"]},
        may_act=visitor.may("provision"),
        **choices(run, around),
    )


def fault_of(run: Shown, language: Language) -> str | None:
    """Explains what a run has failed of where that is no single record's."""
    errors = [job["error"] for job in run["jobs"] if job["status"] == "failed" and job["error"]]
    codes = (each.get("code") for each in errors)
    explained = [explain(code) for code in codes if code and code != "records_failed"]
    return getattr(explained[0], language) if explained and explained[0] else None


async def _causes(parts: Parts, visitor: Visitor, run: Shown, language: Language) -> list[Cause]:
    """Groups what was said of the records of each stage that did not simply succeed."""
    jobs = [job for job in run["jobs"] if any(job["progress"][name] for name in _NOT_CLEAN)]
    return ranked(chain.from_iterable(await asyncio.gather(*(_of_job(parts, visitor, job, language) for job in jobs))))


async def _of_job(parts: Parts, visitor: Visitor, job: Shown, language: Language) -> list[Cause]:
    cipher, job_id = cipher_of(parts, visitor.caller), UUID(job["id"])
    wanted = RecordQuery(wanted=RecordFilter(statuses=("warning", "error", "skipped")), limit=1)
    page = await read_records(parts, cipher, visitor.viewer, job_id, wanted)
    causes = causes_of(job["stage"], page.counts["code"] if page.counts else {}, language)
    unknown = [cause.code for cause in causes if not cause.means]
    examples = await read_examples(parts, cipher, visitor.viewer, job_id, unknown)
    return [cause if cause.means else explained_by(cause, examples, language) for cause in causes]


async def run_with_surroundings(parts: Parts, viewer: Viewer, run_id: UUID) -> tuple[Shown, Surroundings]:
    """Gives a run as its viewer is shown it, and what stands around it; raises NotFound."""
    polled = await poll_run(parts, viewer, run_id)
    async with parts.statement(viewer.organisation_id) as conn:
        around = await surroundings_of(conn, viewer.organisation_id, run_id)
    if around is None:
        raise NotFound("There is no such run.")
    run: Shown = json.loads(polled.body)
    if viewer.school_units is not None:
        # Both may be of other schools alone.
        around = replace(around, ahead=None, ahead_id=None, roster_version=None, roster_at=None)
    return run, around


def choices(run: Shown, around: Surroundings) -> dict[str, Any]:
    """Tells what can be done with a run, and whether its exam has a newer roster."""
    return {
        "may_cancel": waiting.may_cancel(run),
        "may_retry": waiting.may_retry(run, around),
        "may_send_again": waiting.may_send_again(run, around),
        "newer": waiting.newer_version(run, around),
    }
