"""What an answer shows unmasked, and to whom: a row of the audit before it is given, or it is not given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from app.api.auditing import refusing
from app.api.dependencies import Parts, cipher_of
from app.db import audit
from app.domain.audit import Actor, Entry, position
from app.views import Row
from app.views.issue import Names
from app.views.record import is_masked, show_names
from app.views.viewer import Viewer

_NO_UNITS: Final[frozenset[UUID | None]] = frozenset()


@dataclass(slots=True)
class Disclosure:
    """Whom an answer shows unmasked to a viewer, by the opened rows that it is made of."""

    viewer: Viewer
    # Whether each object is, or speaks of, a protected person.
    shown: dict[UUID, bool] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Notes of opened records or objects those that the viewer is shown unmasked, and whose duties they are."""
        if not self.viewer.may_see_names:
            return
        whole = self.viewer.school_units is None
        for row in rows:
            # Whoever is not narrowed to units is not asked which an object is of: that reads it anew.
            masked = self.viewer.masks(protected=row["hidden"], school_units=_NO_UNITS) if whole else None
            if not (is_masked(row, self.viewer) if masked is None else masked):
                self.add_object(row["object_id"], protected=bool(row["hidden"]))
                if row["kind"] == "duties" and row["person_id"] is not None:
                    self.add_object(row["person_id"], protected=bool(row["hidden"]))

    def add_object(self, object_id: UUID, *, protected: bool) -> None:
        """Notes an object that is shown."""
        self.shown[object_id] = self.shown.get(object_id, False) or protected

    def names(self, opened: Iterable[Row]) -> Names:
        """Gives the names of opened objects as far as the viewer may see each, and notes those."""
        rows = list(opened)
        self.add(rows)
        return show_names(rows, self.viewer)

    async def write(
        self,
        parts: Parts,
        action: str,
        *,
        run_id: UUID | None = None,
        job_id: UUID | None = None,
        activity_id: UUID | None = None,
        after: Sequence[Any] | None = None,
        always: bool = False,
        **details: Any,
    ) -> None:
        """Writes the row of an answer that shows somebody; `after` is the key behind which its page begins.

        One that shows nobody has none, unless it has one `always`. Raises NotAudited where the row cannot be written:
        whoever calls has given nothing yet, and gives nothing then.
        """
        if not self.shown and not always:
            return
        viewer, cipher = self.viewer, cipher_of(parts, self.viewer)
        if begins := position(after):
            details["after"] = begins
        entry = Entry(
            viewer.organisation_id,
            actor_of(viewer),
            action,
            run_id,
            job_id,
            activity_id,
            details,
            [audit.digest_of(cipher, each) for each in self.shown],
            sum(self.shown.values()),
        )
        with refusing():
            async with parts.call(viewer.organisation_id) as conn:
                await audit.write_disclosure(conn, entry)


def actor_of(viewer: Viewer) -> Actor:
    """Gives the key that reads, and how."""
    return Actor("key", viewer.key_id, viewer.handle, viewer.via)
