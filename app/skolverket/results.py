"""What Skolverket's answers say of single objects: verdicts about a batch, and blame of a refusal.

What it says in its messages is read in `log_entries`.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.domain.envelope import compact
from app.domain.outcome import Verdict
from app.domain.verdicts import ItemResult
from app.skolverket.log_entries import codes
from app.skolverket.wire import entries, id_of, parsed, unreadable
from app.target import TryAgain

ITEMS: Final = "responses"

# What is said of an object, the commonest last. What has been compressed against one needs it, byte for byte.
SPECIMENS: Final = (
    b'{"id":"","statusCode":400,"messageType":"","message":"","resourceType":"Person","resourceId":"",'
    b'"attributeName":"","attributeValue":"","severityLevel":"Error","timeOfOccurance":""}'
    b'{"id":"","response":{"status":"Error","statusCode":400,"errors":[{"id":"","severityLevel":"Warning"}],'
    b'"warnings":[]},"meta":{}}{"id":"","response":{"status":"Success","statusCode":201,"location":"",'
    b'"errors":[],"warnings":[]},"meta":{"created":"2026-01-01T00:00:00.000Z","modified":"2027-01-01T00:00:00.000Z"}}'
    b'{"id":"","response":{"status":"Success","statusCode":200,"errors":[],"warnings":[]},'
    b'"meta":{"created":"2026-01-01T00:00:00.000+00:00","modified":"2026-01-01T00:00:00.000+00:00"}}',
)

# Provisioning API 1.3.2, AsynchronousResponse.status. The LogEntries' own codes don't decide.
STATUSES: Final[Mapping[str, Verdict]] = {
    "Success": Verdict.SUCCEEDED,
    "Warning": Verdict.WARNING,
    "Error": Verdict.ERROR,
    "TemporaryError": Verdict.AGAIN,
    "Pending": Verdict.OPEN,
}
_VERDICTS: Final = {status.casefold(): verdict for status, verdict in STATUSES.items()}


def judge(status: str | None) -> Verdict | None:
    """Reads an item's status, in any case and with blanks around it; None when the specification lacks it."""
    written = (status or "").strip().casefold()
    return _VERDICTS.get(written) if written else Verdict.OPEN


def item_results(answer: bytes) -> list[ItemResult]:
    """Reads what a bulk job's status says of each object; items without an id are passed over.

    An object that occurs twice is given once. Raises TryAgain when it has two verdicts, and for what is no such answer.
    """
    match parsed(answer):
        case {"responses": list(items)}:
            pass
        case _:
            raise unreadable(answer)
    results: dict[UUID, ItemResult] = {}
    for item in items:
        if not isinstance(item, dict) or (object_id := id_of(item.get("id"))) is None:
            continue
        verdict = judge(_status(item))
        known = results.get(object_id)
        if known is not None and known.verdict is not verdict:
            raise TryAgain("answer_contradicts", answer=answer)
        if known is None:
            results[object_id] = ItemResult(object_id, verdict, compact(item), codes(item))
    return list(results.values())


def blamed(answer: bytes) -> Mapping[UUID, bytes]:
    """Reads which objects a refusal of a whole call names (LogEntry.resourceId), each with the entries about it."""
    about: dict[UUID, list[Any]] = {}
    for entry in entries(answer):
        if (named := id_of(entry.get("resourceId"))) is not None:
            about.setdefault(named, []).append(entry)
    return {named: compact(listed) for named, listed in about.items()}


def _status(item: dict[str, Any]) -> str | None:
    response = item.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    return status if isinstance(status, str) else None
