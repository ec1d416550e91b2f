"""What is left of a roster when a person is erased, and which erasures a database that was restored has not seen."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.domain.spellings import speaks_of

Item = dict[str, Any]
ORGANISATION: Final = "organisation"
PERSONS: Final = "persons"

# Where an object lists others: the property, and the one in each entry that has the other's id.
_LISTS: Final = {
    "groups": (("groupMemberships", "person"),),
    "activities": (("teachers", "duty"),),
}


@dataclass(frozen=True, slots=True)
class Erased:
    """A line of the file of erasures: the organisation's number, and whose content went when.

    `digest` is the keyed digest of a person's id; an organisation that is erased as a whole has none.
    """

    organisation: str
    kind: str
    digest: str | None
    at: datetime


def left_of(kind: str, object_id: UUID, item: Item, gone: Set[UUID]) -> Item | None:
    """Gives what stays of a roster's object when the persons and duties with the ids `gone` are erased; None: nothing.

    A group goes on without them as members, an activity without them as teachers; a duty that is theirs goes; in
    whatever spelling they are named. The given object is never changed.
    """
    if kind in ("persons", "duties"):
        return None if object_id in gone or (kind == "duties" and _names(item, "person", gone)) else item
    for name, other in _LISTS.get(kind, ()):
        entries = item.get(name)
        if isinstance(entries, list):
            kept = [each for each in entries if not _names(each, other, gone)]
            if len(kept) < len(entries):
                item = {key: kept if key == name else value for key, value in item.items()}
    return item


def is_missing(line: Erased, erased_at: datetime | None) -> bool:
    """Tells whether what `line` names has to be erased again, in a database that has it erased at `erased_at`.

    What came back after it was erased has been uploaded anew, and stays.
    """
    return erased_at is None or erased_at < line.at


def _names(entry: object, name: str, gone: Set[UUID]) -> bool:
    """Tells whether an entry names one of them: by its id, or where that is nowhere anywhere."""
    for key in (name, "id"):
        entry = entry.get(key, entry) if isinstance(entry, dict) else entry
    return speaks_of(entry, gone)
