"""What is shown of a batch: the call of the target, and what was in it, item by item."""

from collections.abc import Callable, Set
from typing import Any, Final
from uuid import UUID

from app.domain.kinds import tells_school
from app.domain.roster import UNKNOWN_UNIT, school_units, uuid_of
from app.security.masking import mask, without
from app.target import Place, Published
from app.views import Row, Shown
from app.views.viewer import Viewer

_THOUSAND: Final = 1000
_CALL = (
    *("id", "number", "status", "records", "bytes", "sha256", "http_status", "remote_job_id", "polls", "error"),
    *("created_at", "called_at", "answered_at", "finished_at"),
)


def show_batch(row: Row, viewer: Viewer) -> Shown:
    """Shows one call without what was in it.

    Its SHA-256 is for viewers from whom nothing is masked: others could try numbers until the hash of a body fits. They
    are told its bytes in whole thousands: to the byte these would tell of one object whether it has a marking.
    """
    sha256, size = row["request_sha256"], row["request_bytes"]
    if not viewer.may_see_all:
        sha256, size = None, -(-size // _THOUSAND) * _THOUSAND
    call = {**row, "bytes": size, "sha256": None if sha256 is None else sha256.hex()}
    return {name: call[name] for name in _CALL}


def show_batch_detail(
    row: Row, viewer: Viewer, *, kind: str, protected: Set[UUID], unnamed: Set[UUID] = frozenset()
) -> Shown:
    """Shows an opened batch of a job's `kind` with request and answer; `protected` are ids of its protected records.

    Of the items only those are unmasked that surely speak of a record that is. Whatever else the answer holds
    may be somebody else's pupil, who is masked for everybody. Groups and activities name none who is `unnamed`.
    """
    published, seen = viewer.published, seen_in(row, viewer, kind=kind, protected=protected)
    whole = viewer.may_see_names and seen.issuperset(row["record_ids"])
    gone = unnamed if tells_school(kind) else frozenset()

    def hides(id_: UUID | None) -> bool:
        return viewer.hides_school(protected=tells_school(kind) or id_ in protected)

    def shown(body: Any, items: str, place: Place) -> Any:
        return without(_body(body, items, place, viewer, seen, hides, whole=whole), gone, place)

    return {
        **show_batch(row, viewer),
        "record_ids": row["record_ids"],
        "request": shown(row["request"], published.request_items, published.harmless.requests[kind]),
        "answer": shown(row["answer"], published.answer_items, published.harmless.answer),
    }


def seen_in(row: Row, viewer: Viewer, *, kind: str, protected: Set[UUID]) -> frozenset[UUID]:
    """Gives of which records an opened batch of a job's `kind` is shown unmasked."""
    units = {uuid_of(item.get("id")): school_units(kind, item) for item in items_of(row, viewer.published)}
    return frozenset(
        each
        for each in row["record_ids"]
        if not viewer.masks(protected=each in protected, school_units=units.get(each, UNKNOWN_UNIT))
    )


def _body(
    body: Any,
    items: str,
    place: Place,
    viewer: Viewer,
    seen: Set[UUID],
    hides: Callable[[UUID | None], bool],
    *,
    whole: bool,
) -> Any:
    """Masks the items of which no id is in `seen`, and what is around them unless the batch is seen `whole`.

    Of those whom the viewer `hides` the school is masked too.
    """
    as_shown = viewer.unmasked if whole else mask
    if not isinstance(body, dict) or not isinstance(body.get(items), list):
        return as_shown(body, place)
    listed, each = body[items], place.named[items].each or Place()
    shown = [
        viewer.unmasked(item, each) if (id_ := _id(item)) in seen else mask(item, each, hidden=hides(id_))
        for item in listed
    ]
    return {**as_shown({**body, items: []}, place), items: shown}


def items_of(row: Row, published: Published) -> list[dict[str, Any]]:
    """Gives what an opened batch has sent."""
    return _items(row["request"], published.request_items)


def _id(item: Any) -> UUID | None:
    return uuid_of(item.get("id")) if isinstance(item, dict) else None


def _items(body: Any, items: str) -> list[dict[str, Any]]:
    listed = body.get(items) if isinstance(body, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
