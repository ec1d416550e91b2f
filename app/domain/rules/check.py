"""Runs the rules: those for one object while objects are read, those across objects at the end."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, Final
from uuid import UUID

from app.domain.issues import COUNTED, Finding, Issue
from app.domain.rules import activity, civic_no, duty, enrolment, eppn, group, names, staff, unit
from app.domain.rules.facts import Facts, Found
from app.domain.rules.given import Given
from app.domain.rules.parts import Item, entries
from app.domain.schools import Schools

Rule = Callable[[Item, Given], Iterable[Issue]]

# What is said of something that the open data does not have, and may have by now.
MAY_BE_NEW: Final = frozenset({"unit_unknown", "unit_foreign", "education_code_unknown", "exam_unknown"})
# What is left out is missing all the more.
_OF_WHAT_IS_MISSING: Final = frozenset({"staff_email"})

_OF_OBJECTS: Final[Mapping[str, tuple[Rule, ...]]] = {
    "persons": (
        *(eppn.missing, eppn.form, eppn.weak, eppn.has_civic_no, eppn.is_email),
        *(civic_no.form, civic_no.calendar, civic_no.check_digit, civic_no.coordination_check_digit),
        *(civic_no.nationality, names.blank, names.long),
        *(staff.email, staff.external_id_of_pupil, staff.external_id_context),
        *(enrolment.school_year, enrolment.education_code, enrolment.adults),
    ),
    "duties": (),
    "groups": (names.long, group.group_type, group.empty),
    "activities": (names.long, activity.activity_type, activity.no_teachers, activity.wide),
}
_AGAINST_OPEN_DATA: Final[Mapping[str, tuple[Rule, ...]]] = {
    "persons": (eppn.domain, enrolment.school_unit, enrolment.programme, enrolment.takes_part),
    "duties": (unit.of_duty, unit.duty_takes_part),
    "groups": (unit.of_organisation,),
    "activities": (unit.of_organisation, activity.exam),
}
_ACROSS: Final[tuple[Callable[[Facts], Iterator[Found]], ...]] = (
    *(eppn.twice, eppn.look_alike, civic_no.twice, staff.no_account),
    *(duty.person, staff.pupil_and_staff),
    *(group.members, group.one_class, group.mixed_years),
    *(activity.groups, activity.teachers, activity.teacher_elsewhere),
)
_ACROSS_AND_OPEN_DATA: Final[tuple[Callable[[Facts, Schools], Iterator[Found]], ...]] = (
    activity.exam_school_type,
    activity.exam_school_year,
)


class RosterCheck:
    """One reading of a roster, object by object, and what is known of it at the end."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.facts = Facts()

    def of_object(
        self, kind: str, ordinal: int, object_id: UUID, item: Item, broken: Set[str] = frozenset()
    ) -> list[Issue]:
        """Lists what is wrong with one object by itself, and remembers what rules across objects need of it.

        `broken` are the pointers of what keeps it here or is left out of it already: of those no rule speaks.
        """
        self.facts.add(kind, ordinal, object_id, item)
        left = _left(item, broken) if broken else item
        found = [issue for rule in _OF_OBJECTS[kind] for issue in rule(left, self.given)]
        return _unbroken(found, broken)

    def against_open_data(self, kind: str, item: Item) -> list[Issue]:
        """Lists what is wrong with one object in the light of what stands outside its roster."""
        return [issue for rule in _AGAINST_OPEN_DATA[kind] for issue in rule(item, self.given)]

    def guardians(self) -> list[int]:
        """Gives the places, in the roster's list, of persons who are not sent and have no findings of their own."""
        return [self.facts.persons.ordinals[position] for position in self._set_guardians_apart()]

    def across(self) -> Iterator[Finding]:
        """Gives what is wrong with objects in the light of each other, when all have been read."""
        guardians = self._set_guardians_apart()
        for position in guardians:
            # Whoever is not sent shares nothing.
            self.facts.persons.civic_nos[position] = 0
        for rule in _ACROSS:
            yield from (self._finding(found) for found in rule(self.facts))
        if guardians:
            yield Finding("persons", COUNTED, None, Issue("guardian", "warning", ""), len(guardians))

    def across_and_open_data(self) -> Iterator[Finding]:
        """Gives what is wrong with objects in the light of each other and of the open data."""
        for rule in _ACROSS_AND_OPEN_DATA:
            yield from (self._finding(found) for found in rule(self.facts, self.given.schools))

    def _set_guardians_apart(self) -> list[int]:
        guardians = list(staff.guardians(self.facts))
        self.facts.apart = {self.facts.persons.id(position).bytes for position in guardians}
        return guardians

    def _finding(self, found: Found) -> Finding:
        of_kind = getattr(self.facts, found.kind)
        return Finding(found.kind, of_kind.ordinals[found.position], of_kind.id(found.position), found.issue)


def check_object(kind: str, item: Any, given: Given) -> list[Issue]:
    """Lists what is wrong with one object by itself; none for what is no object."""
    return [issue for rule in _OF_OBJECTS[kind] for issue in rule(item, given)] if isinstance(item, dict) else []


def _left(item: Item, broken: Set[str]) -> Item:
    """Gives a person without those e-mail addresses and external identifiers that break the schema: they don't go."""
    left = dict(item)
    for key in ("emails", "externalIdentifiers"):
        if any(_within(pointer, f"/{key}") for pointer in broken):
            left[key] = [
                None if any(_within(pointer, f"/{key}/{place}") for pointer in broken) else each
                for place, each in enumerate(entries(item, key))
            ]
    return left


def _unbroken(found: list[Issue], broken: Set[str]) -> list[Issue]:
    """Leaves out issues at pointers of which the schema speaks, or within them, unless they are of what is missing."""
    if not found or not broken:
        return found
    return [
        issue
        for issue in found
        if issue.code in _OF_WHAT_IS_MISSING or not any(_within(issue.pointer or "", other) for other in broken)
    ]


def _within(pointer: str, other: str) -> bool:
    return pointer == other or (bool(other) and pointer.startswith(f"{other}/"))
