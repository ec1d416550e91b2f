"""What a fault makes of an answer that the service has given: other content, other headers, or half of it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from app.simulator.answers import Answer
from app.simulator.faults import Fault
from app.simulator.jobs import UNTOUCHED, Ordered
from app.simulator.marks import Mark
from app.simulator.messages import Json, stamp

_PAGE = b"<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>It works!</h1></body></html>\n"
_UNHEARD_OF = {"unheardOf": {"of": ["a later version", 1, None]}}
_MARKS = {
    "temporary_error": Mark.TEMPORARY_ALWAYS,
    "unlisted_error": Mark.UNLISTED_ERROR,
    "unlisted_status": Mark.UNLISTED_STATUS,
}


@dataclass(slots=True)
class Reply:
    """An answer as bytes; sent is how many of them go before the connection closes, None for all."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None


def ordered_of(fault: Fault | None) -> Ordered:
    """Tells what a fault makes of the bulk job that it strikes."""
    if fault is None:
        return UNTOUCHED
    if fault.action == "stay_pending":
        return Ordered(seconds=fault.seconds or float("inf"))
    return Ordered(_MARKS.get(fault.action))


def reply_of(answer: Answer, fault: Fault | None, epoch: float) -> Reply:
    """Makes the bytes of an answer, spoiled if a fault says so."""
    action = None if fault is None else fault.action
    if fault is not None:
        answer = _spoiled(answer, fault, epoch)
    headers = dict(answer.headers)
    content = answer.body()
    if answer.payload is not None:
        headers["Content-Type"] = "application/json"
    match action:
        case "wrong_json":
            return Reply(answer.status, content[: len(content) // 2] or b"{", headers)
        case "not_json":
            return Reply(answer.status, _PAGE, headers | {"Content-Type": "text/html"})
        case "truncate":
            return Reply(answer.status, content or b"{}", headers, sent=len(content) // 2)
        case _:
            return Reply(answer.status, content, headers)


def _spoiled(answer: Answer, fault: Fault, epoch: float) -> Answer:
    payload, headers = answer.payload, answer.headers
    match fault.action:
        case "low_limit":
            headers = headers | {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fault.reset}
        case "extra_fields":
            payload = _extended(payload)
        case "answer_lacks" if _has_items(payload):
            items = payload["responses"]
            payload = {**payload, "responses": items[1:] if fault.keep is None else items[: fault.keep]}
        case "answer_foreign" if _has_items(payload):
            payload = {**payload, "responses": [*payload["responses"], _foreign(epoch)]}
        case "answer_contradicts" if _has_items(payload) and payload["responses"]:
            payload = {**payload, "responses": [*payload["responses"], _contrary(payload["responses"][0])]}
    return Answer(answer.status, payload, headers)


def _has_items(payload: Any) -> bool:
    return isinstance(payload, dict) and "responses" in payload


def _foreign(epoch: float) -> Json:
    meta = {"created": stamp(epoch), "modified": stamp(epoch)}
    return {"id": str(uuid4()), "response": {"status": "Success", "statusCode": 200}, "meta": meta}


def _contrary(item: Json) -> Json:
    status = "Error" if item["response"]["status"] == "Success" else "Success"
    return {**item, "response": {**item["response"], "status": status}}


def _extended(value: Any) -> Any:
    if isinstance(value, list):
        return [_extended(one) for one in value]
    if isinstance(value, dict):
        return {name: _extended(one) for name, one in value.items()} | _UNHEARD_OF
    return value
