"""What is shown of the objects of a roster when it is read back."""

import json
from collections.abc import Set
from uuid import UUID

from app.domain.kinds import Kind
from app.domain.roster import school_units
from app.security.masking import mask
from app.views import Row
from app.views.viewer import Viewer


def concerned(row: Row, kind: Kind) -> tuple[UUID, ...]:
    """Gives the ids whose marking decides whether the row's object is protected: a duty is its person's."""
    return (row["object_id"], *(row["refs"][:1] if kind is Kind.DUTIES else ()))


def show_object(row: Row, viewer: Viewer, *, kind: Kind, protected: Set[UUID]) -> bytes:
    """Shows an object as JSON, to the byte as its opened `payload` was stored unless it is masked.

    `protected` are the ids that any roster of the organisation marks as protected.
    """
    is_protected = row["protected"] or not protected.isdisjoint(concerned(row, kind))
    stored: bytes = row["payload"]
    # Nothing is parsed for those who see every unit: a roster has thousands of objects.
    units = frozenset() if viewer.school_units is None else school_units(kind.value, json.loads(stored))
    if not viewer.masks(protected=is_protected, school_units=units):
        return stored
    return json.dumps(mask(json.loads(stored), viewer.published.harmless), separators=(",", ":")).encode("ascii")
