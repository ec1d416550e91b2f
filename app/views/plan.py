"""What is shown of a plan, and of what it says of each object: values as those of a record that was sent."""

from collections import Counter
from collections.abc import Set
from typing import Final
from uuid import UUID

from app.catalogue import phrase
from app.domain.differences import as_told, differences, value_at
from app.domain.kinds import tells_school
from app.domain.masked import MASK
from app.domain.plan import Decision
from app.views import Row, Shown
from app.views.codes import shown_allowed, shown_pointer
from app.views.issue import Names, show_messages
from app.views.record import is_hidden, is_masked, show_content, show_described
from app.views.sealed import has_changes, ids_of
from app.views.summary import plan_summary
from app.views.viewer import Viewer

# As many changes are shown of one object.
MOST_CHANGES: Final = 100

_COUNTS: Final = (*(each.value for each in Decision), "likely_refused", "sent_without", "calls")


def show_plan(row: Row, viewer: Viewer) -> Shown:
    """Shows a plan with its counts: nothing of them is personal.

    Who sees nobody's name is told of persons and duties whether they are new, and of groups and activities what has
    changed beside who is in them. So is who may not see protected persons, once an upload has marked anybody since:
    what the items tell of them no more would be left over.
    """
    stages = row["stages"]
    marks: Counter[str] = Counter()
    for stage in stages:
        marks.update(_marks_of(row, stage, viewer))
    return {
        "id": row["id"],
        "activity_id": row["activity_id"],
        "roster_version": row["roster_version"],
        "on_record_error": row["on_record_error"],
        "allow": row["allow"] if viewer.may_see_protected else shown_allowed(row["allow"]),
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
                "marks": _marks_of(row, stage, viewer),
            }
            for stage in stages
        ],
    }


def _marks_of(row: Row, stage: Row, viewer: Viewer) -> Row:
    marks: Row = stage[_told(viewer, hidden=row["marked_since"])]
    return marks


def _told(viewer: Viewer, *, hidden: bool) -> str:
    """Names the marks that the viewer is told; `hidden` of who may see names is what they may not see all the same."""
    if viewer.may_see_protected:
        return "marks"
    return "open_marks" if viewer.may_see_names and not hidden else "plain_marks"


def show_item(row: Row, viewer: Viewer, names: Names, unnamed: Set[UUID] = frozenset(), *, marked_since: bool) -> Shown:
    """Shows what a plan says of an opened object; `names` are of the objects that its messages speak of.

    A group or an activity speaks of none who is `unnamed`, and is compared without them; since an upload has marked
    anybody, `marked_since`, what it says is different is so without anybody.
    """
    hidden, of_school = is_hidden(row, viewer), tells_school(row["kind"])
    # What others' runs have sent is not shown without `history`.
    masked = is_masked(row, viewer) or (row["decision"] == Decision.LEFT and viewer.runs_made_by is not None)
    marks = row[_told(viewer, hidden=marked_since if of_school else hidden)]
    return {
        "id": row["object_id"],
        "kind": row["kind"],
        **show_described(row, viewer, masked=masked),
        "decision": row["decision"],
        "likely_refused": row["likely_refused"],
        "blocked_by": [each for each in ids_of(row, "blocked_by") if not (of_school and each in unnamed)],
        "messages": show_messages(row, viewer, masked=masked, names=names, unnamed=unnamed),
        "marks": marks,
        # Where it differs would tell whoever guesses what a protected person has; and so would, once it has gone by its
        # age, that what is unchanged as it is told can't be compared.
        "changes": [] if hidden or marks == ["unchanged"] else _changes(row, viewer, unnamed, masked=masked),
    }


def _changes(row: Row, viewer: Viewer, unnamed: Set[UUID], *, masked: bool) -> list[Shown] | None:
    """Shows the places that differ with the value of each; None when what they were has been erased."""
    if not has_changes(row):
        return []
    old, new = row["old"], row["new"]
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    if tells_school(row["kind"]) and not viewer.may_see_protected:
        old, new = (as_told(each, unnamed if viewer.may_see_names else None) for each in (old, new))
    # Who belonged to another school before was not this one's to see.
    hides = masked or (bool(old) and is_masked({**row, "payload": old}, viewer))
    seen = [show_content(each, row, viewer, unnamed, masked=hides) for each in (old, new)]
    changes: list[Shown] = []
    # Of what is seen as it is: members that are left out of it have no place there.
    for each in differences(old, new) if hides else differences(*seen):
        if each.pointer == "/id" or shown_pointer(row["kind"], each.pointer, viewer) == "":
            continue
        if len(changes) == MOST_CHANGES:
            break
        was, becomes = value_at(seen[0], each.old), value_at(seen[1], each.new)
        if hides and was is becomes is None:
            continue  # what is unsaid
        if was is not None and viewer.runs_made_by is not None:
            was = MASK
        changes.append({"pointer": each.pointer, "old": was, "new": becomes})
    return changes
