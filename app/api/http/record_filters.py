"""What a list of records, a search among them and an export of them take in common: filters and the order."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from app.api.http.ids import Id
from app.api.http.lists import digits
from app.api.schemas.records import RecordStatus, Role
from app.db.record_lists import RecordFilter

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}$")]
SchoolYear = Annotated[int, Field(ge=0, le=99), BeforeValidator(digits)]
Sort = Literal["order", "-order", "status", "-status", "completed_at", "-completed_at"]

RecordSort = Annotated[
    Sort,
    Query(
        description="`order`: as in the roster. `status`: error, warning, skipped, pending, sent, succeeded, unchanged."
        " `completed_at`: the earliest first, what is not completed last. `-` reverses."
    ),
]


async def _filter(
    status: Annotated[list[RecordStatus] | None, Query(description="Of one of these statuses.")] = None,
    code: Annotated[list[Code] | None, Query(description="With a message of one of these codes.")] = None,
    role: Annotated[list[Role] | None, Query(description="Of one of these roles.")] = None,
    school_unit: Annotated[list[Id] | None, Query(description="Of one of these school units, by their ids.")] = None,
    school_year: Annotated[list[SchoolYear] | None, Query(description="In one of these years.")] = None,
) -> RecordFilter:
    """Gives what a list of records is narrowed to."""
    return RecordFilter(status or (), code or (), role or (), school_unit or (), school_year or ())


FilterOfRecords = Annotated[RecordFilter, Depends(_filter)]


def one_or_several(given: Any) -> Any:
    """Makes a list of a single value, and none of null."""
    return [] if given is None else given if isinstance(given, list) else [given]
