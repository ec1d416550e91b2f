"""Describes what is sent to webhooks: in the interface's description, the operations that a receiver offers."""

from typing import Any, Final

from pydantic import BaseModel

from app.api.schemas.webhooks import JobEvent, RunEvent
from app.domain.webhooks import EVENTS

CALLS: Final[tuple[type[BaseModel], ...]] = (RunEvent, JobEvent)

_SUMMARIES: Final = {
    "run.succeeded": "A run has succeeded",
    "run.failed": "A run has failed",
    "run.cancelled": "A run was cancelled",
    "job.failed": "A job has failed",
}
_HEADERS: Final = {
    "webhook-id": "The delivery's id, the same at each try: who has it already has been told.",
    "webhook-timestamp": "When it is sent, in seconds since 1970.",
    "webhook-signature": "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; while a secret is being "
    "replaced there are two with a space between them.",
}
_ANSWERS: Final = {
    "2XX": {"description": "It was taken."},
    "410": {"description": "The endpoint has gone: it is disabled, and nothing more is sent."},
    "default": {"description": "It was not taken, and is tried again; redirects are not followed."},
}


def describe_calls() -> dict[str, Any]:
    """Makes the description's part about webhooks."""
    return {type_: {"post": _call(type_)} for type_ in EVENTS}


def _call(type_: str) -> dict[str, Any]:
    model = RunEvent if type_.startswith("run.") else JobEvent
    parameters = [
        {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
        for name, said in _HEADERS.items()
    ]
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        # Not that of our operations: generators make a file of each tag, and one would take the place of the other.
        "tags": ["Webhook calls"],
        "operationId": f"told_{type_.replace('.', '_')}",
        "summary": _SUMMARIES[type_],
        "description": "Sent to each enabled webhook of the organisation that wants the type; in no particular order, "
        "and now and then twice.",
        # No key: the signature says who calls.
        "security": [],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": dict(_ANSWERS),
    }
