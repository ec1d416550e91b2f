"""What is shown of a plan, and of what it says of each object: values as those of a record that was sent."""

import json
from collections import Counter
from typing import Any, Final
from uuid import UUID

from app.db.cipher import OrganisationCipher
from app.domain.differences import differences, value_at
from app.domain.kinds import Kind
from app.domain.plan import Decision, as_sent
from app.domain.roster import describe, school_units
from app.security.masking import MASK, mask
from app.views import Row, Shown
from app.views.issue import show_messages
from app.views.viewer import Viewer

# As many changes are shown of one object.
MOST_CHANGES: Final = 100

_COUNTS: Final = (*(each.value for each in Decision), "likely_refused", "sent_without", "calls")


def show_plan(row: Row) -> Shown:
    """Shows a plan with its counts: nothing of them is personal."""
    stages = row["stages"]
    marks: Counter[str] = Counter()
    for stage in stages:
        marks.update(stage["marks"])
    return {
        "id": row["id"],
        "activity_id": row["activity_id"],
        "roster_version": row["roster_version"],
        "on_record_error": row["on_record_error"],
        "requested_by": {"id": row["requested_by_id"], "name": row["requested_by_name"]},
        "created_at": row["created_at"],
        "totals": {name: sum(stage[name] for stage in stages) for name in ("total", *_COUNTS)},
        "marks": dict(sorted(marks.items())),
        "stages": [
            {
                "stage": stage["stage"],
                "title": Kind(stage["stage"]).swedish,
                **{name: stage[name] for name in ("total", *_COUNTS)},
                "stops_here": stage["stops_here"],
                "may_stop_here": stage["may_stop_here"],
                "marks": stage["marks"],
            }
            for stage in stages
        ],
    }


def open_item(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what is shown of an item: payload and person_payload, and old and new where they differ."""
    opened = {
        **row,
        "payload": _opened(row, "source", cipher),
        "person_payload": _opened(row, "person_source", cipher),
        "old": None,
        "new": None,
    }
    if _has_changes(row):
        new = _opened(row, "outgoing", cipher)
        opened["new"] = None if new is None else as_sent(Kind(row["kind"]), new, _ids(row, "sent_without"))
        opened["old"] = _opened(row, "accepted", cipher) if row["accepted"] is not None else {}
    return opened


def show_item(row: Row, viewer: Viewer) -> Shown:
    """Shows what a plan says of an opened object."""
    masked = _is_masked(row, viewer, row["payload"])
    said = {**row, "received": None, "sent": None, "held": False, "status": row["decision"]}
    return {
        "id": row["object_id"],
        "kind": row["kind"],
        "name": _name(row, viewer, masked=masked),
        "decision": row["decision"],
        "likely_refused": row["likely_refused"],
        "blocked_by": _ids(row, "blocked_by"),
        "messages": show_messages(said, viewer, masked=masked),
        "marks": row["marks"],
        "changes": _changes(row, viewer, masked=masked),
    }


def _has_changes(row: Row) -> bool:
    return row["outgoing"] is not None and (row["outgoing"] != row["accepted"] or bool(_ids(row, "sent_without")))


def _ids(row: Row, code: str) -> list[UUID]:
    """Gives the objects that the issues of this code speak of."""
    return [UUID(id_) for issue in row["issues"] or () if issue["code"] == code for id_ in issue.get("ids", ())]


def _changes(row: Row, viewer: Viewer, *, masked: bool) -> list[Shown] | None:
    """Shows the places that differ with the value of each; None when what they were has been erased."""
    if not _has_changes(row):
        return []
    old, new = row["old"], row["new"]
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    harmless = viewer.published.harmless
    is_hidden = row["hidden"] and not viewer.may_see_protected
    # Who belonged to another school before was not this one's to see.
    is_masked = masked or (bool(old) and _is_masked(row, viewer, old))
    seen = [mask(each, harmless) if is_masked else each for each in (old, new)]
    changes: list[Shown] = []
    for each in differences(old, new):
        if each.pointer == "/id":
            continue
        if len(changes) == MOST_CHANGES:
            break
        was, becomes = (MASK, MASK) if is_hidden else (value_at(seen[0], each.old), value_at(seen[1], each.new))
        changes.append({"pointer": each.pointer, "old": was, "new": becomes})
    return changes


def _is_masked(row: Row, viewer: Viewer, item: Any) -> bool:
    return viewer.masks(protected=row["hidden"], school_units=school_units(row["kind"], item))


def _name(row: Row, viewer: Viewer, *, masked: bool) -> str | None:
    """Gives the name of the object; a duty goes by that of its person."""
    of_person = row["kind"] == "duties"
    name = describe("persons" if of_person else row["kind"], row["person_payload" if of_person else "payload"]).name
    return mask(name, viewer.published.harmless) if masked else name


def _opened(row: Row, name: str, cipher: OrganisationCipher) -> Any:
    sealed = row[f"{name}_sealed"]
    return None if sealed is None else json.loads(cipher.open(bytes(sealed), bytes(row[name])))
