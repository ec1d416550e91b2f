"""What is shown of a plan, and of what it says of each object: values as those of a record that was sent."""

from collections import Counter
from typing import Final

from app.catalogue import phrase
from app.domain.differences import differences, plain_marks, value_at
from app.domain.masked import MASK
from app.domain.plan import Decision
from app.security.masking import mask
from app.views import Row, Shown
from app.views.issue import Names, show_messages
from app.views.record import is_masked, show_described
from app.views.sealed import has_changes, ids_of
from app.views.summary import plan_summary
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
        "allow": row["allow"],
        "shrinks": row["shrinks"],
        "requested_by": {"id": row["requested_by_id"], "name": row["requested_by_name"]},
        "created_at": row["created_at"],
        "summary": plan_summary(stages),
        "totals": {name: sum(stage[name] for stage in stages) for name in ("total", *_COUNTS)},
        "marks": dict(sorted(marks.items())),
        "stages": [
            {
                "stage": stage["stage"],
                "title": phrase(f"title_{stage['stage']}", "sv"),
                "summary": plan_summary([stage]),
                **{name: stage[name] for name in ("total", *_COUNTS)},
                "stops_here": stage["stops_here"],
                "may_stop_here": stage["may_stop_here"],
                "marks": stage["marks"],
            }
            for stage in stages
        ],
    }


def show_item(row: Row, viewer: Viewer, names: Names) -> Shown:
    """Shows what a plan says of an opened object; `names` are of the objects that its messages speak of."""
    is_hidden = row["hidden"] and not viewer.may_see_protected
    # What others' runs have sent is not shown without `history`.
    masked = is_masked(row, viewer) or (row["decision"] == Decision.LEFT and viewer.runs_made_by is not None)
    return {
        "id": row["object_id"],
        "kind": row["kind"],
        **show_described(row, viewer, masked=masked),
        "decision": row["decision"],
        "likely_refused": row["likely_refused"],
        "blocked_by": ids_of(row, "blocked_by"),
        "messages": show_messages(row, viewer, masked=masked, names=names),
        "marks": plain_marks(row["marks"]) if is_hidden else row["marks"],
        # Where it differs would tell whoever guesses what a protected person has.
        "changes": [] if is_hidden else _changes(row, viewer, masked=masked),
    }


def _changes(row: Row, viewer: Viewer, *, masked: bool) -> list[Shown] | None:
    """Shows the places that differ with the value of each; None when what they were has been erased."""
    if not has_changes(row):
        return []
    old, new = row["old"], row["new"]
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    harmless = viewer.published.harmless
    # Who belonged to another school before was not this one's to see.
    hides = masked or (bool(old) and is_masked({**row, "payload": old}, viewer))
    seen = [mask(each, harmless) if hides else each for each in (old, new)]
    changes: list[Shown] = []
    for each in differences(old, new):
        if each.pointer == "/id":
            continue
        if len(changes) == MOST_CHANGES:
            break
        was, becomes = value_at(seen[0], each.old), value_at(seen[1], each.new)
        if was is not None and viewer.runs_made_by is not None:
            was = MASK
        changes.append({"pointer": each.pointer, "old": was, "new": becomes})
    return changes
