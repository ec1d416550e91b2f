"""Exports: a job's records and the history of runs, whole, as files."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from app.api.dependencies import AskReaderAgain, CipherDep, NarrowedReader, PartsDep
from app.api.http.exports import MEDIA_TYPES, Form, Lang, export
from app.api.http.history_filters import RunsWanted
from app.api.http.problems import MadeByAnotherKey, TooManyExports, may_refuse
from app.api.http.record_filters import FilterOfRecords, RecordSort
from app.api.reading.exports import record_slices, run_slices
from app.api.reading.records import RecordQuery
from app.views import delimited
from app.views.export import RECORD_COLUMNS, RUN_COLUMNS, Column, headings

router = APIRouter(tags=["Exports"], responses=may_refuse(TooManyExports, MadeByAnotherKey))


def _records(form: Form) -> Callable[..., Awaitable[Response]]:
    async def export_records(
        job_id: UUID,
        parts: PartsDep,
        cipher: CipherDep,
        _: NarrowedReader,
        ask: AskReaderAgain,
        wanted: FilterOfRecords,
        sort: RecordSort = "order",
        lang: Lang = "sv",
    ) -> Response:
        slices = record_slices(parts, cipher, ask, job_id, RecordQuery(wanted, sort))
        return await export(form, f"records-{job_id}", RECORD_COLUMNS, slices, lang)

    return export_records


def _runs(form: Form) -> Callable[..., Awaitable[Response]]:
    async def export_runs(
        parts: PartsDep, _: NarrowedReader, ask: AskReaderAgain, wanted: RunsWanted, lang: Lang = "sv"
    ) -> Response:
        return await export(form, "runs", RUN_COLUMNS, run_slices(parts, ask, wanted), lang)

    return export_runs


def _add(
    path: str,
    name: str,
    summary: str,
    description: str,
    columns: Sequence[Column],
    make: Callable[[Form], Callable[..., Any]],
) -> None:
    first = {"csv": delimited.row(headings(columns, "sv")).decode(), "jsonl": '{"id":"3fa85f64-…",…}\n'}
    for form, media_type in MEDIA_TYPES.items():
        content: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
        if form in first:
            content["example"] = first[form]
        router.add_api_route(
            f"{path}.{form}",
            make(form),
            name=f"{name}_{form}",
            summary=f"{summary} as {form.upper()}",
            description=description,
            response_class=Response,
            responses={200: {"description": "The file.", "content": {media_type.partition(";")[0]: content}}},
        )


_FILES = (
    " In CSV, with semicolons, a text that could be taken for a formula, a number or a date begins with an apostrophe."
    " JSON lines have each as the list shows it. What is masked in the list is masked here."
)
_add(
    "/jobs/{job_id}/records",
    "export_records",
    "Export a job's records",
    f"Gives all records of a job that fit, narrowed and sorted as in the list.{_FILES}",
    RECORD_COLUMNS,
    _records,
)
_add(
    "/runs",
    "export_runs",
    "Export the history of runs",
    f"Gives all runs that fit, the newest first.{_FILES}",
    RUN_COLUMNS,
    _runs,
)
