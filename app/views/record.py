"""What is shown of a record: who or what it is about, what was said of it, what went out and what came back."""

from collections.abc import Iterable
from typing import Any, Final

from app.domain.kinds import Kind
from app.domain.roster import Described, describe, school_units
from app.security.masking import mask
from app.views import Row, Shown
from app.views.issue import Names, show_messages
from app.views.viewer import Viewer

_NOBODY: Final[Names] = {}


def show_record(row: Row, viewer: Viewer, names: Names = _NOBODY) -> Shown:
    """Shows an opened record as it stands in a list; `names` are of the objects that its messages speak of."""
    masked = is_masked(row, viewer)
    return {
        "id": row["object_id"],
        "kind": row["kind"],
        "status": row["status"],
        **show_described(row, viewer, masked=masked),
        "messages": show_messages(row, viewer, masked=masked, names=names),
        "completed_at": row["completed_at"],
    }


def show_names(rows: Iterable[Row], viewer: Viewer) -> Names:
    """Gives the names of opened records, as far as the viewer may see each."""
    return {
        (Kind(row["kind"]), row["object_id"]): _shown(_described(row).name, viewer, masked=is_masked(row, viewer))
        for row in rows
    }


def show_record_detail(row: Row, viewer: Viewer, names: Names = _NOBODY) -> Shown:
    """Shows an opened record with what went out and what came back, in the key order of the wire."""
    masked = is_masked(row, viewer)
    return {
        **show_record(row, viewer, names),
        "sent": _shown(row["sent"], viewer, masked=masked),
        "received": _shown(row["received"], viewer, masked=masked),
        "attempts": row["attempts"],
    }


def show_described(row: Row, viewer: Viewer, *, masked: bool) -> Shown:
    """Shows who or what an opened record or object is."""
    described = _described(row)
    return {
        "name": _shown(described.name, viewer, masked=masked),
        "role": described.role,
        "civic_no": _shown(described.civic_no, viewer, masked=masked),
        "eppn": _shown(described.eppn, viewer, masked=masked),
        "school_year": described.school_year,
        "school_type": described.school_type,
    }


def is_masked(row: Row, viewer: Viewer) -> bool:
    """Tells whether everything personal of an opened record or object is hidden."""
    return viewer.masks(protected=row["hidden"], school_units=school_units(row["kind"], row["payload"]))


def _described(row: Row) -> Described:
    """Describes the object; a duty goes by the name of its person."""
    if row["kind"] != "duties":
        return describe(row["kind"], row["payload"])
    if row["person_id"] is None:
        return Described(role="Personal")
    person = describe("persons", row["person_payload"])
    return Described(name=person.name, role="Personal", civic_no=person.civic_no, eppn=person.eppn)


def _shown(value: Any, viewer: Viewer, *, masked: bool) -> Any:
    return mask(value, viewer.published.harmless) if masked else value
