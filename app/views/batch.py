"""What is shown of a batch: the call of the target, and what was in it, item by item."""

from collections.abc import Set
from typing import Any
from uuid import UUID

from app.domain.roster import UNKNOWN_UNIT, school_units, uuid_of
from app.security.masking import mask
from app.target import Harmless
from app.views import Row, Shown
from app.views.viewer import Viewer

_CALL = (
    *("id", "number", "status", "records", "bytes", "sha256", "http_status", "remote_job_id", "polls", "error"),
    *("created_at", "called_at", "answered_at", "finished_at"),
)


def show_batch(row: Row) -> Shown:
    """Shows one call without what was in it: nothing of that is personal."""
    sha256 = row["request_sha256"]
    call = {**row, "bytes": row["request_bytes"], "sha256": None if sha256 is None else sha256.hex()}
    return {name: call[name] for name in _CALL}


def show_batch_detail(row: Row, viewer: Viewer, *, kind: str, protected: Set[UUID]) -> Shown:
    """Shows an opened batch of a job's `kind` with request and answer; `protected` are ids of its protected records.

    Of the items only those are unmasked that surely speak of a record that is. Whatever else the answer holds
    may be somebody else's pupil, who is masked for everybody.
    """
    published = viewer.published
    units = {
        uuid_of(item.get("id")): school_units(kind, item) for item in _items(row["request"], published.request_items)
    }
    seen = {
        each
        for each in row["record_ids"]
        if not viewer.masks(protected=each in protected, school_units=units.get(each, UNKNOWN_UNIT))
    }
    whole = viewer.may_see_names and seen.issuperset(row["record_ids"])
    return {
        **show_batch(row),
        "record_ids": row["record_ids"],
        "request": _body(row["request"], published.request_items, seen, published.harmless, whole=whole),
        "answer": _body(row["answer"], published.answer_items, seen, published.harmless, whole=whole),
    }


def _body(body: Any, items: str, seen: Set[UUID], harmless: Harmless, *, whole: bool) -> Any:
    """Masks the items of which no id is in `seen`; what is around them stays unless the batch is not seen `whole`."""
    shown = body if whole else mask(body, harmless)
    if not isinstance(body, dict) or not isinstance(body.get(items), list):
        return shown
    listed = [
        item if isinstance(item, dict) and uuid_of(item.get("id")) in seen else mask(item, harmless)
        for item in body[items]
    ]
    return {**shown, items: listed}


def _items(body: Any, items: str) -> list[dict[str, Any]]:
    listed = body.get(items) if isinstance(body, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
