"""The page of a job: what became of each of its objects, those with errors first, and what went wrong how often."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BeforeValidator

from app.api.dependencies import Parts, PartsDep, cipher_of, visible_run_of_job
from app.api.http.exports import export
from app.api.http.problems import Forbidden
from app.api.http.record_filters import Code, SchoolYear, Sort
from app.api.reading.exports import record_slices
from app.api.reading.narrowed import own_run_of_job
from app.api.reading.records import RecordQuery, read_records, read_schools
from app.api.schemas.records import RecordStatus
from app.catalogue import Explanation, explain, issue
from app.db.record_lists import EVERYTHING, STATUSES, RecordFilter
from app.views import Row, Shown
from app.views.export import RECORD_COLUMNS
from app.views.viewer import Viewer
from app.web.causes import read_examples, tone_of
from app.web.live import Live, show_live
from app.web.pages import PageRoute, go_to, show_page
from app.web.paths import PATHS
from app.web.record_fields import mended_by
from app.web.standings import is_under_way
from app.web.visitors import LanguageDep, NarrowedVisitorDep, OwnForm, ask_again

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_PAGE: Final = 50
_EVERY: Final = 3
_MOST_CAUSES: Final = 20
# What is more is there when somebody opens it: the records come below.
_FIRST_CAUSES: Final = 6
_SHORT: Final = 70
# Of one code; more are on the pages of the records.
_MOST_MEANINGS: Final = 4
# As records can be sorted here, the first one unless another is asked for.
SORTS: Final = ("status", "order", "completed_at")
FILES: Final = ("xlsx", "csv")

_NOTHING: Final[list[Any]] = []
# A field that nobody has filled in is sent as nothing.
_Filled = BeforeValidator(lambda given: [each for each in given or () if each])


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a job's records somebody wants to see, and how sorted."""

    wanted: RecordFilter = EVERYTHING
    sort: Sort = "status"

    @property
    def query(self) -> dict[str, Any]:
        """Gives it as it stands in an address."""
        return {
            "status": list(self.wanted.statuses),
            "code": list(self.wanted.codes),
            "school_unit": list(self.wanted.school_units),
            "school_year": list(self.wanted.school_years),
            "sort": None if self.sort == SORTS[0] else self.sort,
        }

    @property
    def number(self) -> int:
        """Counts what is narrowed to."""
        return len(self.wanted.values)

    def instead(self, **given: Any) -> dict[str, Any]:
        """Gives it as it stands in an address, with something else asked for."""
        return {**self.query, **given}


@dataclass(frozen=True, slots=True)
class CauseCount:
    """How many records have a message with a code, and how bad it is; what it means and who mends it, where known.

    A code of the target's that is said of several properties means something else of each.
    """

    code: str
    number: int
    meanings: Sequence[Explanation]
    mended_by: str | None
    tone: str = "bad"
    # Whether it is said of several things, not all of which may have an explanation.
    several: bool = False

    @property
    def short(self) -> Explanation:
        """Gives what its explanation begins with, in a line; its code where there is none, or more than one."""
        if self.several or not self.meanings:
            return Explanation(self.code, self.code)
        return Explanation(*(_line(each) for each in self.meanings[0]))


async def asked_of(
    status: Annotated[list[RecordStatus], _Filled, Query(max_length=7)] = _NOTHING,
    code: Annotated[list[Code], _Filled, Query(max_length=20)] = _NOTHING,
    school_unit: Annotated[list[UUID], _Filled, Query(max_length=20)] = _NOTHING,
    school_year: Annotated[list[SchoolYear], _Filled, Query(max_length=20)] = _NOTHING,
    sort: Annotated[Sort, Query()] = "status",
) -> Asked:
    """Reads it from an address."""
    return Asked(RecordFilter(status, code, (), school_unit, school_year), sort)


AskedDep = Annotated[Asked, Depends(asked_of)]


@router.get(PATHS["job"], dependencies=[Live])
async def show_job_page(
    job_id: UUID,
    request: Request,
    parts: PartsDep,
    visitor: NarrowedVisitorDep,
    _: LanguageDep,
    asked: AskedDep,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """Shows a job's records; as long as it is under way the page asks for what is new."""
    job = await job_of(parts, visitor.viewer, job_id)
    query = RecordQuery(asked.wanted, asked.sort, "", _A_PAGE, cursor or None)
    cipher = cipher_of(parts, visitor.caller)
    page = await read_records(parts, cipher, visitor.viewer, job_id, query)
    elsewhere = await read_examples(parts, cipher, visitor.viewer, job_id, unexplained(page.counts, page.records))
    by_itself = "hx-request" in request.headers
    schools = [] if by_itself else await read_schools(parts, visitor.viewer, UUID(job["run_id"]))
    return show_live(
        request,
        "job.html",
        "job_records.html",
        visitor,
        # What comes after the first page stays as it is.
        _EVERY if is_under_way(job) and not cursor else None,
        head_template="job_head.html",
        page="job",
        job=job,
        fault=explain(job["error"]["code"]) if job["error"] and job["error"].get("code") else None,
        most_causes=_FIRST_CAUSES,
        asked=asked,
        cursor=cursor,
        records=page.records,
        following=page.next_cursor,
        counts=page.counts,
        fitting=fitting(asked, page.counts),
        causes=causes_of(page.counts, [*page.records, *elsewhere]),
        schools=with_chosen(schools, asked),
        statuses=STATUSES,
        sorts=SORTS,
        files=FILES,
    )


@router.get(PATHS["job_search"])
async def no_search(job_id: UUID, _: NarrowedVisitorDep, language: LanguageDep) -> Response:
    """Leads to the job: what was searched for stands in no address."""
    return go_to("job", language, job_id=job_id)


@router.post(PATHS["job_search"])
async def search(
    job_id: UUID, request: Request, parts: PartsDep, visitor: NarrowedVisitorDep, _: LanguageDep, form: OwnForm
) -> Response:
    """Shows the records that fit what somebody has typed; raises Forbidden for a key that may see nobody."""
    if not visitor.viewer.may_see_names:
        raise Forbidden("This key lacks the scope pii.")
    job = await job_of(parts, visitor.viewer, job_id)
    phrase = form.get("q", "")[:200].strip()
    query = RecordQuery(EVERYTHING, "status", phrase, _A_PAGE, form.get("cursor") or None)
    cipher = cipher_of(parts, visitor.caller)
    page = await read_records(parts, cipher, visitor.viewer, job_id, query, counted=False)
    return show_page(
        request,
        "job_found.html",
        visitor,
        page="job",
        job=job,
        phrase=phrase,
        records=page.records if phrase else [],
        following=page.next_cursor if phrase else None,
    )


def _file(form: Any) -> None:
    @router.get(PATHS["job_export"].replace("{form}", form), name=f"job_{form}")
    async def export_job(
        job_id: UUID,
        request: Request,
        parts: PartsDep,
        visitor: NarrowedVisitorDep,
        language: LanguageDep,
        asked: AskedDep,
    ) -> Response:
        """Gives the records that are asked for as a file, masked as the page is."""
        cipher, query = cipher_of(parts, visitor.caller), RecordQuery(asked.wanted, asked.sort)
        slices = record_slices(parts, cipher, ask_again(request, parts), job_id, query)
        return await export(form, f"records-{job_id}", RECORD_COLUMNS, slices, language)


for _each in FILES:
    _file(_each)


async def job_of(parts: Parts, viewer: Viewer, job_id: UUID) -> Shown:
    """Gives a job as its run has it; raises NotFound, and Forbidden for one that this key may not see."""
    if viewer.school_units is not None:
        run = await own_run_of_job(parts, viewer, job_id)
    else:
        run = json.loads((await visible_run_of_job(parts, viewer, job_id)).answer.body)
    return next(job for job in run["jobs"] if job["id"] == str(job_id))


def fitting(asked: Asked, counts: Row | None) -> int | None:
    """Counts the records that are asked for; None where nothing was counted."""
    if counts is None:
        return None
    by_status: Mapping[str, int] = counts["status"]
    return sum(by_status[each] for each in asked.wanted.statuses or STATUSES)


def causes_of(counts: Row | None, records: Sequence[Row]) -> list[CauseCount]:
    """Gives what was said how often: errors first, the most frequent of them first.

    What has no entry is explained as `records` have it.
    """
    by_code: Mapping[str, int] = {} if counts is None else counts["code"]
    causes = [_cause(code, number, records) for code, number in by_code.items()]
    return sorted(causes, key=lambda each: each.tone != "bad")[:_MOST_CAUSES]


def unexplained(counts: Row | None, records: Sequence[Row]) -> list[str]:
    """Lists the codes that have no entry, and that none of `records` explains."""
    said = {message["code"] for each in records for message in each["messages"]}
    by_code: Mapping[str, int] = {} if counts is None else counts["code"]
    return [code for code in by_code if code not in said and issue(code) is None]


def _cause(code: str, number: int, records: Sequence[Row]) -> CauseCount:
    if (entry := issue(code)) is not None:
        return CauseCount(code, number, [entry.explanation], entry.mended_by, tone_of(entry.severity))
    said = [message for each in records for message in each["messages"] if message["code"] == code]
    tone = tone_of(said[0]["severity"]) if said else "bad"
    found = dict.fromkeys(Explanation(**each["explanation"]) if each["explanation"] else None for each in said)
    meanings = [each for each in found if each is not None][:_MOST_MEANINGS]
    menders = {mended_by(each) for each in said}
    mender = menders.pop() if len(menders) == 1 else None
    return CauseCount(code, number, meanings, mender, tone, several=len(found) > 1)


def _line(text: str) -> str:
    first = text.partition(". ")[0].partition(": ")[0].rstrip(".")
    return first if len(first) <= _SHORT else f"{first[:_SHORT].rsplit(' ', 1)[0]} …"


def with_chosen(schools: list[tuple[UUID, str | None]], asked: Asked) -> list[tuple[UUID, str | None]]:
    """Gives the schools that can be chosen, with those that are chosen among them whatever became of them."""
    there = {school for school, _ in schools}
    return [*schools, *((each, None) for each in asked.wanted.school_units if each not in there)]
