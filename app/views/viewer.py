"""Who is shown something, and what of persons is masked for them.

Without the scope `pii` everything personal is masked, and of nobody it is shown where they go to school or work: so
protected persons are like all others. With it, but without `protected`, these are masked in just the same way: no unit
and no year of theirs is shown, and no group names them. So is an object of other school units than the viewer's, but
for its unit and year. Who may not see everything is shown of an object that is not masked what is published alone.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.domain.audit import Via
from app.security.masking import only_published
from app.target import Place, Published


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is shown one organisation's data; `school_units` None are all of the organisation's units.

    `published` says how what was sent and received is read, and what of it needs no masking.
    """

    organisation_id: UUID
    key_id: UUID
    scopes: frozenset[str]
    school_units: frozenset[UUID] | None
    published: Published
    # Of the organisation, whose contents are opened with it.
    own_keys: bytes = field(default=b"", repr=False)
    # What the key is known by, and how it reads: for the audit.
    handle: str = ""
    via: Via = "api"

    @property
    def units(self) -> frozenset[UUID]:
        """Gives the school units that the viewer is narrowed to; only for one who is."""
        assert self.school_units is not None  # noqa: S101 - whoever asks has looked
        return self.school_units

    @property
    def may_see_names(self) -> bool:
        """Tells whether anybody at all is shown unmasked."""
        return "pii" in self.scopes

    @property
    def may_see_protected(self) -> bool:
        """Tells whether protected persons are shown unmasked."""
        return self.may_see_names and "protected" in self.scopes

    @property
    def may_see_all(self) -> bool:
        """Tells whether nothing at all is masked."""
        return self.may_see_protected and self.school_units is None

    @property
    def runs_made_by(self) -> UUID | None:
        """Gives the key whose runs alone are shown, or None when all are."""
        return None if "history" in self.scopes else self.key_id

    def may_see_run(self, requested_by: UUID) -> bool:
        """Tells whether a run is shown that the key `requested_by` has made."""
        return self.runs_made_by in (None, requested_by)

    def may_see_units(self, school_units: Set[UUID | None]) -> bool:
        """Tells whether an object of these `school_units` is within the viewer's; one without any is nobody's."""
        return self.school_units is None or not self.school_units.isdisjoint(school_units)

    def is_told(self, protected: bool, school_units: Set[UUID | None]) -> bool:
        """Tells whether a viewer is told that an object is of their `school_units`; all are of who is not narrowed."""
        if self.school_units is None:
            return True
        return self.may_see_units(school_units) and (self.may_see_protected or not protected)

    def hides_school(self, *, protected: bool) -> bool:
        """Tells whether it is hidden where somebody goes to school or works: of all, or of the `protected` alone."""
        return not (self.may_see_protected if protected else self.may_see_names)

    def masks(self, *, protected: bool, school_units: Set[UUID | None]) -> bool:
        """Tells whether an object is masked; `protected` is whether it speaks of a protected person."""
        may_see = self.may_see_protected if protected else self.may_see_names
        return not (may_see and self.may_see_units(school_units))

    def unmasked(self, content: Any, place: Place) -> Any:
        """Gives what is shown of a `content` that is not masked: all of it to who sees all, else what is published.

        What a source says in a place that nobody has defined may be about anybody, not about whom it is a content of.
        """
        return content if self.may_see_all else only_published(content, place)
