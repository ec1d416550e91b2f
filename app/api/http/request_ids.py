"""The request under way: its id, which its answer, its errors and its log lines have, and the key that was accepted."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from app.domain.audit import Via


@dataclass(slots=True)
class RequestNote:
    """What is noted of a request, for the line about it."""

    id: str
    key_handle: str | None = None
    key_id: UUID | None = None
    # Of the key; None of an operator's.
    organisation_id: UUID | None = None
    via: Via = "api"
    # What the key has left, once the request is counted.
    rate_limit: str | None = None
    # Places for statements that it holds.
    places: int = 0
    # What has the next request of its key begin, where that waits for this one.
    let_next: Callable[[], None] | None = None


_UNDER_WAY: ContextVar[RequestNote | None] = ContextVar("request_under_way", default=None)


def begin_request() -> RequestNote:
    """Begins a request in this task, under an id of ours: one that a caller sends is never taken."""
    note = RequestNote(str(uuid4()))
    _UNDER_WAY.set(note)
    structlog.contextvars.bind_contextvars(request_id=note.id)
    return note


def end_request() -> None:
    """Lets what this task does next have no id, or one of its own."""
    _UNDER_WAY.set(None)
    structlog.contextvars.unbind_contextvars("request_id")


def under_way() -> RequestNote | None:
    """Gives what is noted of the request under way."""
    return _UNDER_WAY.get()


def note_key(handle: str, key_id: UUID, organisation_id: UUID | None) -> None:
    """Notes which key was accepted, by its handle, and of which organisation; an operator's is of none."""
    if (note := _UNDER_WAY.get()) is not None:
        note.key_handle, note.key_id, note.organisation_id = handle, key_id, organisation_id


def note_page() -> None:
    """Notes that a page is asked for."""
    if (note := _UNDER_WAY.get()) is not None:
        note.via = "page"


def let_next_begin() -> None:
    """Lets the next request of the same key be worked on: this one waits for its caller, or has been answered."""
    note = _UNDER_WAY.get()
    if note is not None and note.let_next is not None:
        note.let_next()


def instance() -> str:
    """Gives the `instance` of a problem: the id of the request under way, or a new one where there is none."""
    note = _UNDER_WAY.get()
    return f"urn:uuid:{uuid4() if note is None else note.id}"
