"""The page of a record: what was sent and answered of one object, what keeps it back, and what can be done."""

import json
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.dependencies import PartsDep, cipher_of
from app.api.reading.records import read_record_with_object
from app.catalogue import explain, property_name
from app.web.job_page import job_of
from app.web.pages import PageRoute, show_page
from app.web.paths import PATHS
from app.web.record_fields import fields_of, mended_by, names_in, words_of_target
from app.web.visitors import LanguageDep, NarrowedVisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# What is more is there when somebody opens it.
_MOST_FIELDS: Final = 40


@router.get(PATHS["record"])
async def show_record_page(
    job_id: UUID, record_id: UUID, request: Request, parts: PartsDep, visitor: NarrowedVisitorDep, _: LanguageDep
) -> Response:
    """Shows the record."""
    job = await job_of(parts, visitor.viewer, job_id)
    cipher = cipher_of(parts, visitor.caller)
    record, item, named = await read_record_with_object(
        parts, cipher, visitor.viewer, job_id, record_id, referred_to=True
    )
    given = item if record["sent"] is None else record["sent"]
    return show_page(
        request,
        "record.html",
        visitor,
        page="record",
        job=job,
        record=record,
        fields=fields_of(record["kind"], given, record["messages"]),
        names=names_in(record, named),
        most_fields=_MOST_FIELDS,
        places=[property_name(record["kind"], each["attribute"] or "") for each in record["messages"]],
        given=raw(given),
        received=raw(record["received"]),
        words=[words_of_target(each) for each in record["messages"]],
        menders=[mended_by(each) for each in record["messages"]],
        faults={each["error"]: explain(each["error"]) for each in record["calls"] if each["error"]},
    )


def raw(value: Any) -> str | None:
    """Writes JSON for people; None where there is nothing."""
    return None if value is None else json.dumps(value, ensure_ascii=False, indent=2)
