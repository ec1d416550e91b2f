"""Skolverket's JSON: names and shapes of the Provisioning API 1.3.2 and of the authorisation server, as we use them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.skolverket.faults import TryAgain


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What a bulk job says of one object: its id, its status (None when there is none) and the item as it came."""

    object_id: UUID
    status: str | None
    raw: dict[str, Any]


def transaction(client_key: str, provisioning_url: str) -> dict[str, Any]:
    """Makes the body that asks the authorisation server for a bearer token for the Provisioning API."""
    return {
        "access_token": [
            {"access": [{"type": "provisioning-api", "locations": [provisioning_url]}], "flags": ["bearer"]}
        ],
        "client": {"key": client_key},
    }


def token_value(answer: Any) -> str:
    """Reads the token out of the authorisation server's answer; raises TryAgain when there is none."""
    match answer:
        case {"access_token": {"value": str(value)}} if value:
            return value
    raise TryAgain("token_unreadable")


def remote_job_id(answer: bytes) -> str:
    """Reads the id of the bulk job out of a 202; raises TryAgain when there is none."""
    match parsed(answer):
        case {"jobId": str(job_id)} if _uuid(job_id):
            return job_id
    raise TryAgain("answer_unreadable", answer=answer)


def item_answers(answer: bytes) -> Iterator[ItemAnswer]:
    """Reads the items of a bulk job's status; items without an id are passed over, unknown fields stay in `raw`."""
    match parsed(answer):
        case {"responses": list(items)}:
            pass
        case _:
            raise TryAgain("answer_unreadable", answer=answer)
    for item in items:
        if not isinstance(item, dict) or (object_id := _uuid(item.get("id"))) is None:
            continue
        response = item.get("response")
        status = response.get("status") if isinstance(response, dict) else None
        yield ItemAnswer(object_id, status if isinstance(status, str) else None, item)


def blamed(answer: bytes) -> Mapping[UUID, bytes]:
    """Reads which objects a refusal of a whole call names (LogEntry.resourceId), each with the entries about it."""
    try:
        entries = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    about: dict[UUID, list[Any]] = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict) and (named := _uuid(entry.get("resourceId"))) is not None:
            about.setdefault(named, []).append(entry)
    return {named: json.dumps(listed).encode("ascii") for named, listed in about.items()}


def parsed(answer: bytes) -> Any:
    """Reads JSON; raises TryAgain for anything else, such as a body that was cut off."""
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        raise TryAgain("answer_unreadable", answer=answer) from None


def wait_asked(headers: Any) -> timedelta | None:
    """Reads how long an answer asks us to wait: Retry-After in seconds, else X-RateLimit-Reset, whole or fractional."""
    for name in ("retry-after", "x-ratelimit-reset"):
        try:
            seconds = float(headers.get(name, ""))
        except ValueError:
            continue
        if 0 <= seconds <= 3600:
            return timedelta(seconds=seconds)
    return None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
