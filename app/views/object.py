"""What is shown of an object of the organisation, beyond a roster and a run."""

from collections.abc import Sequence, Set
from typing import Any
from uuid import UUID

from app.domain.differences import as_told, differences
from app.domain.kinds import tells_school
from app.domain.roster import school_units
from app.views import Row, Shown
from app.views.codes import is_shown, shown_pointer
from app.views.issue import Names, show_finding, show_messages
from app.views.record import is_hidden, is_masked, show_content, show_described
from app.views.viewer import Viewer


def show_found(row: Row, viewer: Viewer) -> Shown:
    """Shows an opened object as it stands in a list."""
    return {
        "kind": row["kind"],
        "id": row["object_id"],
        **show_described(row, viewer, masked=is_masked(row, viewer)),
        "activities": row["activities"] or [],
        "accepted_at": row["accepted_at"],
        "landed_at": row["landed_at"],
        "gone_at": row["gone_at"],
    }


def is_visible(row: Row, viewer: Viewer) -> bool:
    """Tells whether a viewer may know of an opened object at all: it is of their school units."""
    units = school_units(row["kind"], row["payload"])
    return viewer.is_told(row["hidden"], units.union([row.get("school_unit")], row.get("more_units") or ()))


def findings_speak_of(row: Row) -> set[UUID]:
    """Gives the ids of the other objects that an object's findings speak of."""
    return {UUID(one) for each in row["findings"] or () for one in each["ids"] or ()}


def show_object_detail(
    row: Row,
    records: Sequence[Row],
    viewer: Viewer,
    names: Names,
    unnamed: Set[UUID] = frozenset(),
    *,
    next_cursor: str | None = None,
) -> Shown:
    """Shows everything of an opened object; `records` are a page of its opened ones, `next_cursor` is that page's.

    `names` are of the objects that its findings speak of. A group or an activity names none who is `unnamed`.
    """
    if is_hidden(row, viewer):
        unnamed = {*unnamed, row["object_id"]}
    accepted = None
    if row["accepted_at"] is not None:
        accepted = {
            "at": row["accepted_at"],
            "job_id": row["accepted_job_id"],
            "object": _shown(row["accepted_payload"], row, viewer, unnamed),
        }
    return {
        **show_found(row, viewer),
        "object": _shown(row["payload"], row, viewer, unnamed),
        "accepted": accepted,
        **_differing(row, viewer, unnamed),
        "findings": [
            _show_finding(each, viewer, names, unnamed)
            for each in row["findings"] or ()
            if is_shown(each["code"], findings_speak_of({"findings": [each]}), viewer, unnamed)
        ],
        "records": {"data": [_show_record({**row, **each}, viewer) for each in records], "next_cursor": next_cursor},
    }


def _differing(row: Row, viewer: Viewer, unnamed: Set[UUID]) -> Shown:
    """Tells whether what the target has differs from what the latest roster would send, and in which properties.

    Null where there are not both. Of whom the viewer may not see it is null too, and of a group or an activity it is
    told without them: whoever guesses, and uploads it, would be told when they are right.
    """
    if row["accepted"] is None or not row["wanted"] or is_hidden(row, viewer):
        return {"differs": None, "differing": []}
    old, new = row["accepted_payload"], row["outgoing_payload"]
    is_same = row["accepted"] == row["outgoing"]
    if is_same or not isinstance(old, dict) or not isinstance(new, dict):
        return {"differs": not is_same, "differing": []}
    if tells_school(row["kind"]) and not viewer.may_see_protected:
        old, new = (as_told(each, unnamed if viewer.may_see_names else None) for each in (old, new))
    pointers = [shown_pointer(row["kind"], each.pointer, viewer) for each in differences(old, new)]
    found = dict.fromkeys(each.split("/")[1] for each in pointers if each)
    return {"differs": bool(found), "differing": list(found)}


def _show_finding(row: Row, viewer: Viewer, names: Names, unnamed: Set[UUID]) -> Shown:
    ids = [UUID(each) for each in row["ids"] or ()]
    # Every id in JSON is a text.
    finding = {**row, "object_id": row["object_id"] and UUID(row["object_id"]), "ids": ids}
    return {**show_finding(finding, viewer, names, unnamed), "activity_id": row["activity_id"]}


def _shown(payload: Any, row: Row, viewer: Viewer, unnamed: Set[UUID]) -> Any:
    masked = is_masked(row, viewer) or is_masked({**row, "payload": payload}, viewer)
    return show_content(payload, row, viewer, unnamed, masked=masked)


def _show_record(row: Row, viewer: Viewer) -> Shown:
    messages = show_messages({**row, "sent": None, "held": False}, viewer, masked=True)
    return {
        **{name: row[name] for name in ("job_id", "run_id", "activity_id", "status")},
        "codes": list(dict.fromkeys(message["code"] for message in messages)),
        **{name: row[name] for name in ("attempts", "created_at", "completed_at")},
    }
