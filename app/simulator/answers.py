"""What an answer consists of before it becomes bytes, and the ways to make one that complains."""

import json
from dataclasses import dataclass, field
from typing import Any

from app.simulator.messages import Finding, Message, finding_entry, log_entry


@dataclass(slots=True)
class Answer:
    """Status, payload (None is an empty body, everything else JSON) and headers."""

    status: int
    payload: Any
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Writes the payload as compact UTF-8; a lone surrogate, which has no UTF-8 form, becomes a question mark."""
        if self.payload is None:
            return b""
        return json.dumps(self.payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def complaint(message: Message, epoch: float, **details: object) -> Answer:
    """Makes the answer that refuses a call for one reason: an array of one LogEntry."""
    return Answer(message.status, [log_entry(message, epoch, **details)])


def findings_answer(found: list[tuple[object, Finding]], resource_type: str, epoch: float) -> Answer:
    """Makes the answer that refuses a whole bulk call, one LogEntry for each (object's id, finding)."""
    entries = [finding_entry(finding, epoch, resource_type, object_id) for object_id, finding in found]
    return Answer(400, entries)


def read_json(body: bytes) -> Any:
    """Reads a body as strict JSON (UTF-8, no NaN); None when it is not, which no call may consist of either."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
