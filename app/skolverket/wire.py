"""Skolverket's wire as we use it: addresses, header names, bodies, JSON's names and shapes, LogEntry ids.

Of the Provisioning API 1.3.2, the open-data API 1.0.0 and the authorisation server. What an object must look like is in
`shape`, what is said of a batch in `results`. Readers take what they understand and leave the rest as it came.
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.domain.roster import uuid_of
from app.target import RateLimit, TryAgain

# Addresses below the base of each API, with the names of their parts.

ALIVE = "/alive"

BULK = "/{kind}/bulk"
# Built from the job's id: Location headers carry an old host.
JOB = "/{kind}/bulk/jobs/{id}"
LOOKUP = "/{kind}/lookup"

ORGANISATION_BY_CODE = "/organisations/code/{code}"
PROGRAMMES = "/programmes"
EXAMS = "/activities"

# Its default is false: a bulk call without it would refuse whatever is there already.
UPSERT = {"updateIfExists": "true"}
# Without it an organisation comes without its school units.
WITH_SCHOOL_UNITS = {"expandSchoolUnits": "true"}


# LogEntries. Limits, sizes and outages (5020, 5021, 5022, 6001) are known by their HTTP status; all ids are kept.


class LogId(StrEnum):
    """An id of a LogEntry that we act on."""

    TOKEN_REFUSED = "5002"  # noqa: S105 - an id


def log_ids(answer: bytes) -> frozenset[str]:
    """Reads the ids of the LogEntries of an error; none when it can't be read."""
    return frozenset(str(entry["id"]) for entry in entries(answer) if isinstance(entry.get("id"), str | int))


# Headers


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


def lookup_body(ids: Iterable[UUID]) -> bytes:
    """Makes the body of a lookup by ids."""
    return json.dumps({"ids": [str(object_id) for object_id in ids]}, separators=(",", ":")).encode("ascii")


# Answers of the Provisioning API


def remote_job_id(answer: bytes) -> str:
    """Reads the id of the bulk job out of a 202, a UUID of 36 characters; raises TryAgain when there is none."""
    match parsed(answer):
        # It becomes part of an address: only what is one by its letters.
        case {"jobId": str(job_id)} if uuid_of(job_id):
            return job_id
    raise unreadable(answer)


def found(answer: bytes) -> list[dict[str, Any]]:
    """Reads the objects of a lookup; what is no object in the list is passed over."""
    match parsed(answer):
        case list(data):
            return objects(data)
    raise unreadable(answer)


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


def entries(answer: bytes) -> list[dict[str, Any]]:
    """Reads the objects of an error, a list of them or one; none when it can't be read."""
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    return objects(read if isinstance(read, list) else [read])


def objects(listed: list[Any]) -> list[dict[str, Any]]:
    """Picks the objects of a list; what else is in it is passed over."""
    return [one for one in listed if isinstance(one, dict)]


def id_of(value: Any) -> UUID | None:
    """Reads an object's id in any spelling of a UUID, or gives None."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
