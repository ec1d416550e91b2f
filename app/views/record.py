"""What is shown of a record: who or what it is about, what was said of it, what went out and what came back."""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.domain.kinds import Kind, tells_school
from app.domain.lifecycle import RECORD
from app.domain.masked import MASK
from app.domain.roster import Affiliation, Described, describe, school_units
from app.security.masking import mask, without
from app.target import Place
from app.views import Row, Shown
from app.views.issue import Names, show_messages
from app.views.viewer import Viewer

_NOBODY: Final[Names] = {}
_NONE: Final[Set[UUID]] = frozenset()


def show_record(row: Row, viewer: Viewer, names: Names = _NOBODY, unnamed: Set[UUID] = _NONE) -> Shown:
    """Shows an opened record as it stands in a list; `names` are of the objects that its messages speak of.

    A group or an activity speaks of none who is `unnamed`.
    """
    masked = is_masked(row, viewer)
    return {
        "id": row["object_id"],
        "kind": row["kind"],
        "status": row["status"],
        **show_described(row, viewer, masked=masked),
        "messages": show_messages(row, viewer, masked=masked, names=names, unnamed=unnamed),
        "completed_at": row["completed_at"],
    }


def show_counts(counts: Row) -> Shown:
    """Shows how many records there are of each status, be it none, and with each code, the most frequent first."""
    by_status, by_code = counts["status"] or {}, counts["code"] or {}
    return {
        "status": {each: by_status.get(each, 0) for each in RECORD},
        "code": dict(sorted(by_code.items(), key=lambda each: (-each[1], each[0]))),
    }


def show_names(rows: Iterable[Row], viewer: Viewer) -> Names:
    """Gives the names of opened records, as far as the viewer may see each."""
    return {
        (Kind(row["kind"]), row["object_id"]): _shown(_described(row).name, masked=is_masked(row, viewer))
        for row in rows
    }


def show_record_detail(
    row: Row,
    viewer: Viewer,
    names: Names = _NOBODY,
    calls: Iterable[Row] = (),
    around: Sequence[Row] = (),
    unnamed: Set[UUID] = _NONE,
) -> Shown:
    """Shows an opened record with what went out and what came back, in the key order of the wire.

    `calls` are those in which it went, `around` the opened records that it keeps back or that keep it back. Of somebody
    hidden no group and no activity is shown, nor by a group or an activity who is `unnamed`: those are of a school.
    """
    masked = is_masked(row, viewer)
    known = show_names(around, viewer)
    return {
        **show_record(row, viewer, names, unnamed),
        "sent": show_content(row["sent"], row, viewer, unnamed, masked=masked),
        "received": _show(row["received"], viewer.published.harmless.result, row, viewer, unnamed, masked=masked),
        "attempts": row["attempts"],
        "calls": [_show_call(each) for each in calls],
        "blocks": [
            _show_related(each, known)
            for each in around
            if each["relation"] == "blocks" and not (tells_school(each["kind"]) and is_hidden(row, viewer))
        ],
        "blocked_by": [
            _show_related(each, known)
            for each in around
            if each["relation"] == "blocked_by" and not (tells_school(row["kind"]) and each["object_id"] in unnamed)
        ],
    }


def show_payload(row: Row, viewer: Viewer, unnamed: Set[UUID] = _NONE) -> Any:
    """Shows an opened record's object as its roster has it."""
    return show_content(row["payload"], row, viewer, unnamed, masked=is_masked(row, viewer))


def show_content(content: Any, row: Row, viewer: Viewer, unnamed: Set[UUID], *, masked: bool) -> Any:
    """Shows what an opened object is or was sent as; of a group or an activity without the `unnamed`."""
    return _show(content, viewer.published.harmless.objects[row["kind"]], row, viewer, unnamed, masked=masked)


def _show(content: Any, place: Place, row: Row, viewer: Viewer, unnamed: Set[UUID], *, masked: bool) -> Any:
    hidden = is_hidden(row, viewer) or (tells_school(row["kind"]) and not viewer.may_see_protected)
    shown = mask(content, place, hidden=hidden) if masked else viewer.unmasked(content, place)
    return without(shown, unnamed, place) if tells_school(row["kind"]) else shown


def _show_call(row: Row) -> Shown:
    times = {name: row[name] and datetime.fromisoformat(row[name]) for name in ("called_at", "answered_at")}
    return {**row, **times}


def _show_related(row: Row, names: Names) -> Shown:
    kind = Kind(row["kind"])
    name = names.get((kind, row["object_id"]))
    return {"kind": kind, "id": row["object_id"], "name": name, "status": row["status"], "job_id": row["job_id"]}


def show_described(row: Row, viewer: Viewer, *, masked: bool) -> Shown:
    """Shows who or what an opened record or object is; `school_unit_name` is that of its unit, where it was read.

    Of whom the viewer may not see the school is kept back too; others have no school as well.
    """
    described = _described(row)
    belongs = Affiliation(described.affiliation.role) if is_hidden(row, viewer) else described.affiliation
    unit = None
    if belongs.school_unit is not None:
        unit = {"id": belongs.school_unit, "name": row.get("school_unit_name")}
    return {
        "name": _shown(described.name, masked=masked),
        "role": belongs.role,
        "civic_no": _shown(described.civic_no, masked=masked),
        "eppn": _shown(described.eppn, masked=masked),
        "school_year": belongs.school_year,
        "school_type": belongs.school_type,
        "school_unit": unit,
        "duty_role": _shown_post(belongs.duty_role, viewer) if masked else belongs.duty_role,
    }


def is_masked(row: Row, viewer: Viewer) -> bool:
    """Tells whether everything personal of an opened record or object is hidden."""
    units = school_units(row["kind"], row["payload"])
    if viewer.school_units is not None:
        # Staff by their duties, of which the object says nothing.
        units = units.union(row.get("more_units") or ())
    return viewer.masks(protected=row["hidden"], school_units=units)


def is_hidden(row: Row, viewer: Viewer) -> bool:
    """Tells whether an object is of somebody of whom the viewer is not even shown the school."""
    return not tells_school(row["kind"]) and viewer.hides_school(protected=bool(row["hidden"]))


def _described(row: Row) -> Described:
    """Describes the object; a duty goes by the name of its person."""
    described = describe(row["kind"], row["payload"])
    if row["kind"] != "duties" or row["person_id"] is None:
        return described
    person = describe("persons", row["person_payload"])
    return Described(person.name, person.civic_no, person.eppn, described.affiliation)


def _shown(value: str | None, *, masked: bool) -> str | None:
    return MASK if masked and value is not None else value


def _shown_post(post: str | None, viewer: Viewer) -> str | None:
    shown: str | None = mask({"dutyRole": post}, viewer.published.harmless.objects["duties"])["dutyRole"]
    return shown
