"""Skolverket's wire as we use it, in this one place: addresses, header names, JSON's names and shapes, LogEntry ids.

Of the Provisioning API 1.3.2, the open-data API 1.0.0 and the authorisation server. What an object that is sent must
look like is in `app.domain.ss12000`. Readers take what they understand and leave the rest as it came.
"""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.skolverket.faults import TryAgain

# Addresses below the base of each API, with the names of their parts.

ALIVE = "/alive"  # of both

BULK = "/{stage}/bulk"
DELETE = "/{stage}/bulk/delete"
# Built from the job's id: Location headers carry an old host.
JOB = "/{stage}/bulk/jobs/{id}"
COMPLETED = "/{stage}/bulk/jobs/{id}/isCompleted"
LIST = "/{stage}"
LOOKUP = "/{stage}/lookup"
OBJECT = "/{stage}/{id}"

ORGANISATION, ORGANISATION_BY_CODE = "/organisations/{id}", "/organisations/code/{code}"
SCHOOL_UNIT, SCHOOL_UNIT_BY_CODE = "/schoolUnits/{id}", "/schoolUnits/code/{code}"
PROGRAMMES, PROGRAMME, PROGRAMME_BY_CODE = "/programmes", "/programmes/{id}", "/programmes/code/{code}"
EXAMS, EXAM = "/activities", "/activities/{id}"

# Its default is false: a bulk call without it would refuse whatever is there already.
UPSERT = {"updateIfExists": "true"}
# Without it an organisation comes without its school units.
WITH_SCHOOL_UNITS = {"expandSchoolUnits": "true"}


def paging(limit: int, page_token: str | None) -> dict[str, str]:
    """Makes the parameters that ask for a page of a list; the first one has no token."""
    return {"limit": str(limit)} | ({} if page_token is None else {"pageToken": page_token})


# LogEntries. Limits, sizes and outages (5020, 5021, 5022, 6001) are known by their HTTP status; all ids are kept.


class LogId(StrEnum):
    """An id of a LogEntry that we act on."""

    NOT_FOUND = "4001"
    TOKEN_REFUSED = "5002"  # noqa: S105 - an id


def log_ids(answer: bytes) -> frozenset[str]:
    """Reads the ids of the LogEntries of an error; none when it can't be read."""
    return frozenset(str(entry["id"]) for entry in _entries(answer) if isinstance(entry.get("id"), str | int))


def blamed(answer: bytes) -> Mapping[UUID, bytes]:
    """Reads which objects a refusal of a whole call names (LogEntry.resourceId), each with the entries about it."""
    about: dict[UUID, list[Any]] = {}
    for entry in _entries(answer):
        if (named := _uuid(entry.get("resourceId"))) is not None:
            about.setdefault(named, []).append(entry)
    return {named: json.dumps(listed).encode("ascii") for named, listed in about.items()}


# Headers


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an answer says of the limit of calls: how many a period has, how many are left, how long it lasts."""

    limit: int | None
    remaining: int | None
    reset: timedelta | None


_LIMIT, _REMAINING, _RESET = "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"
# A longer wait than this is no statement of a limit of calls per second.
_LONGEST_WAIT = 3600.0


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Reads the limit's headers, whole or fractional numbers; None when an answer has none that can be read."""
    limit, remaining = _number(headers, _LIMIT, 1e9), _number(headers, _REMAINING, 1e9)
    reset = _seconds(headers, _RESET)
    if limit is None and remaining is None and reset is None:
        return None
    return RateLimit(None if limit is None else int(limit), None if remaining is None else int(remaining), reset)


def wait_asked(headers: Mapping[str, str]) -> timedelta | None:
    """Reads how long an answer asks us to wait: Retry-After in seconds or as a date (RFC 9110), else X-RateLimit-Reset.

    An hour at most: whoever asks for more is asked again then.
    """
    asked = _number(headers, "Retry-After", sys.float_info.max)
    if asked is None:
        asked = _until(headers.get("Retry-After", ""))
    if asked is None:
        return _seconds(headers, _RESET)
    return timedelta(seconds=min(asked, _LONGEST_WAIT))


def _until(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    # A date without a zone is UTC, and one that has passed asks for nothing.
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _seconds(headers: Mapping[str, str], name: str) -> timedelta | None:
    seconds = _number(headers, name, _LONGEST_WAIT)
    return None if seconds is None else timedelta(seconds=seconds)


def _number(headers: Mapping[str, str], name: str, most: float) -> float | None:
    try:
        number = float(headers.get(name, ""))
    except ValueError:
        return None
    return number if 0 <= number <= most else None


# Bodies that are sent


def delete_body(object_ids: Iterable[UUID]) -> bytes:
    """Makes the body that deletes objects."""
    return _written({"data": [str(object_id) for object_id in object_ids]})


def lookup_body(ids: Iterable[UUID], civic_nos: Iterable[str], eppns: Iterable[str]) -> bytes:
    """Makes the body of a lookup; lists without entries other than that of ids are left out."""
    asked = {"ids": [str(object_id) for object_id in ids]}
    persons = {"civicNos": list(civic_nos), "eduPersonPrincipalNames": list(eppns)}
    return _written(asked | {name: values for name, values in persons.items() if values})


def _written(document: dict[str, Any]) -> bytes:
    # ASCII: a text that has no UTF-8 form is for Skolverket to refuse, and no crash here.
    return json.dumps(document, separators=(",", ":")).encode("ascii")


# Answers of the Provisioning API


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What a bulk job says of one object: its id, its status (None when there is none) and the item as it came."""

    object_id: UUID
    status: str | None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the objects that Skolverket holds, as they came; `page_token` asks for those after them, None ends."""

    data: list[dict[str, Any]]
    page_token: str | None


def remote_job_id(answer: bytes) -> str:
    """Reads the id of the bulk job out of a 202; raises TryAgain when there is none."""
    match parsed(answer):
        case {"jobId": str(job_id)} if _uuid(job_id):
            return job_id
    raise unreadable(answer)


def item_answers(answer: bytes) -> Iterator[ItemAnswer]:
    """Reads the items of a bulk job's status; items without an id are passed over, unknown fields stay in `raw`."""
    match parsed(answer):
        case {"responses": list(items)}:
            pass
        case _:
            raise unreadable(answer)
    for item in items:
        if not isinstance(item, dict) or (object_id := _uuid(item.get("id"))) is None:
            continue
        response = item.get("response")
        status = response.get("status") if isinstance(response, dict) else None
        yield ItemAnswer(object_id, status if isinstance(status, str) else None, item)


def completed(answer: bytes) -> bool:
    """Reads the bare boolean of isCompleted."""
    match parsed(answer):
        case bool(is_completed):
            return is_completed
    raise unreadable(answer)


def page(answer: bytes) -> Page:
    """Reads a page of a list; what is no object in it is passed over."""
    match parsed(answer):
        case {"data": list(data), **rest}:
            token = rest.get("pageToken")
            return Page(_objects(data), token if isinstance(token, str) and token else None)
    raise unreadable(answer)


def found(answer: bytes) -> list[dict[str, Any]]:
    """Reads the objects of a lookup; what is no object in the list is passed over."""
    match parsed(answer):
        case list(data):
            return _objects(data)
    raise unreadable(answer)


def held(answer: bytes) -> dict[str, Any]:
    """Reads one object."""
    match parsed(answer):
        case dict(one):
            return one
    raise unreadable(answer)


# Answers of the open-data API


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An organisation, school unit, programme or exam: its id, what people call it by, and all that came."""

    id: UUID
    code: str
    raw: dict[str, Any]


ORGANISATION_CODE, SCHOOL_UNIT_CODE, PROGRAMME_CODE = "organisationNumber", "schoolUnitCode", "educationCode"
# Of exams the name is what their id is made of, as the codes are of the others.
EXAM_CODE = "displayName"


def open_item(answer: bytes, code: str) -> OpenItem:
    """Reads one item, whose code stands in the field of that name; raises TryAgain when it has no id."""
    for item in _open_items([parsed(answer)], code):
        return item
    raise unreadable(answer)


def open_items(answer: bytes, code: str) -> list[OpenItem]:
    """Reads a list of items; those without an id are passed over."""
    match parsed(answer):
        case list(items):
            return _open_items(items, code)
    raise unreadable(answer)


def school_units(organisation: OpenItem) -> list[OpenItem]:
    """Reads the school units that came with an organisation."""
    units = organisation.raw.get("schoolUnits")
    return _open_items(units if isinstance(units, list) else [], SCHOOL_UNIT_CODE)


def says_not_found(answer: bytes) -> bool:
    """Tells whether a 404 is the API's own word (its Error object), and not that of something in front of it."""
    return any(entry.get("code") == 404 for entry in _entries(answer))


def _open_items(items: list[Any], code: str) -> list[OpenItem]:
    read = ((_uuid(item.get("id")), item) for item in _objects(items))
    return [
        OpenItem(item_id, named if isinstance(named := item.get(code), str) else "", item)
        for item_id, item in read
        if item_id is not None
    ]


# The authorisation server


def transaction(client_key: str | Mapping[str, str], provisioning_url: str) -> dict[str, Any]:
    """Makes the body that asks the authorisation server for a bearer token for the Provisioning API."""
    return {
        "access_token": [
            {"access": [{"type": "provisioning-api", "locations": [provisioning_url]}], "flags": ["bearer"]}
        ],
        "client": {"key": client_key if isinstance(client_key, str) else dict(client_key)},
    }


def token_value(answer: Any) -> str:
    """Reads the token out of the authorisation server's answer; raises TryAgain when there is none."""
    match answer:
        case {"access_token": {"value": str(value)}} if value:
            return value
    raise TryAgain("token_unreadable")


# JSON


def parsed(answer: bytes) -> Any:
    """Reads JSON; raises TryAgain for anything else, such as a body that was cut off."""
    try:
        return json.loads(answer, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise unreadable(answer) from None


def unreadable(answer: bytes) -> TryAgain:
    """Makes the fault of an answer that is not what it should be; what came goes with it."""
    return TryAgain("answer_unreadable", answer=answer)


def _finite(number: str) -> float | str:
    """Keeps a number that is larger than any float as its text, since it could not be written as JSON again."""
    read = float(number)
    return read if math.isfinite(read) else number


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _entries(answer: bytes) -> list[dict[str, Any]]:
    try:
        entries = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    return _objects(entries if isinstance(entries, list) else [entries])


def _objects(listed: list[Any]) -> list[dict[str, Any]]:
    return [one for one in listed if isinstance(one, dict)]


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
