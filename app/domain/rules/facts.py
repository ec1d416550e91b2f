"""What rules across a roster's objects need of each: collected while the objects are read, and small.

An object has a position among those of its kind, in the order in which they were read; ids are their 16 bytes.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.domain.issues import Issue
from app.domain.rules.parts import MOST_ISSUES, entries, field, key_of, objects, text
from app.domain.rules.texts import folded, seen

Item = dict[str, Any]

_NO_ID: Final = b"\0" * 16
# One text each, however many groups have it.
_SCHOOL_TYPES: Final = {each: each for each in ("GR", "SP", "SAM", "GY", "VUXGY")}


class Found(NamedTuple):
    """An issue of the object at `position` among those of its kind."""

    kind: str
    position: int
    issue: Issue


class Objects:
    """The objects of one kind: the position of each id, and the place in the roster's list of each position."""

    __slots__ = ("_keys", "ordinals", "positions")

    def __init__(self) -> None:
        self.positions: dict[bytes, int] = {}
        self.ordinals = array("i")
        self._keys: list[bytes] = []

    def add(self, object_id: UUID, ordinal: int) -> None:
        """Notes one more object."""
        self.positions[object_id.bytes] = len(self.ordinals)
        self.ordinals.append(ordinal)

    def id(self, position: int) -> UUID:
        """Gives the id of the object at a position, when all have been added."""
        if len(self._keys) != len(self.positions):
            self._keys = list(self.positions)
        return UUID(bytes=self._keys[position])


class Persons(Objects):
    """Persons: hashes of logins and civic numbers, 0 where there is none.

    `looks` are the hashes of what is seen of logins in which not all is seen; `years` is the year of those enrolments
    that have not ended, 0 when there is none or several; `flags` say whether somebody is a pupil, and whether there is
    neither an enrolment nor a login.
    """

    __slots__ = ("civic_nos", "eppns", "flags", "looks", "years")

    PUPIL, NOBODY = 1, 2

    def __init__(self) -> None:
        super().__init__()
        self.eppns, self.civic_nos = array("q"), array("q")
        self.looks: dict[int, int] = {}
        self.flags, self.years = bytearray(), bytearray()

    def note(self, person: Item) -> None:
        """Notes what is needed of the person that was added last."""
        given = person.get("eduPersonPrincipalNames")
        logins = given if isinstance(given, list) else []
        login = text(logins[0]) if len(logins) == 1 else None
        self.eppns.append(_hash(folded(login)) if login else 0)
        if login and (not login.isascii() or not login.isprintable() or " " in login):
            self.looks[len(self.eppns) - 1] = _hash(seen(login))
        number = text(field(person.get("civicNo"), "value"))
        self.civic_nos.append(_hash(number) if number else 0)
        enrolled = person.get("enrolments")
        nobody = not enrolled and (enrolled is None or isinstance(enrolled, list)) and not given
        pupil = bool(enrolled) and isinstance(enrolled, list)
        self.flags.append(self.PUPIL * pupil | self.NOBODY * nobody)
        self.years.append(_year(person) if pupil else 0)

    def is_nobody(self, position: int) -> bool:
        """Tells whether the person at a position has neither an enrolment nor a login."""
        return bool(self.flags[position] & self.NOBODY)

    def sharing(self, hashes: Iterable[int]) -> Iterator[tuple[int, tuple[UUID, ...]]]:
        """Gives the positions of those who share something, each with the ids of others who have it too."""
        first: dict[int, int] = {}
        shared: dict[int, list[int]] = {}
        for position, one in enumerate(hashes):
            if one and (before := first.setdefault(one, position)) != position:
                shared.setdefault(before, [before]).append(position)
        for positions in shared.values():
            for position in positions:
                others = (other for other in positions if other != position)
                yield position, tuple(self.id(other) for other in islice(others, MOST_ISSUES))


class Duties(Objects):
    """Duties: whose they are and where."""

    __slots__ = ("persons", "units")

    def __init__(self) -> None:
        super().__init__()
        self.persons, self.units = bytearray(), bytearray()

    def note(self, duty: Item) -> None:
        """Notes what is needed of the duty that was added last."""
        self.persons += key_of(duty.get("person")) or _NO_ID
        self.units += key_of(duty.get("dutyAt")) or _NO_ID


class Groups(Objects):
    """Groups: whether each is a class, its school type, and its members in their order."""

    __slots__ = ("classes", "members", "school_types")

    def __init__(self) -> None:
        super().__init__()
        self.classes = bytearray()
        self.school_types: list[str | None] = []
        self.members: list[bytes] = []

    def note(self, group: Item) -> None:
        """Notes what is needed of the group that was added last."""
        self.classes.append(group.get("groupType") == "Klass")
        school_type = text(group.get("schoolType"))
        self.school_types.append(None if school_type is None else _SCHOOL_TYPES.get(school_type))
        self.members.append(
            b"".join([key_of(field(each, "person")) or _NO_ID for each in entries(group, "groupMemberships")])
        )


class Activities(Objects):
    """Activities: their groups and teachers in their order, where they are, and their exams."""

    __slots__ = ("exams", "groups", "teachers", "units")

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[bytes] = []
        self.teachers: list[bytes] = []
        self.units, self.exams = bytearray(), bytearray()

    def note(self, activity: Item) -> None:
        """Notes what is needed of the activity that was added last."""
        self.groups.append(b"".join([key_of(each) or _NO_ID for each in entries(activity, "groups")]))
        self.teachers.append(
            b"".join([key_of(field(each, "duty")) or _NO_ID for each in entries(activity, "teachers")])
        )
        self.units += key_of(activity.get("organisation")) or _NO_ID
        self.exams += key_of(activity.get("parentActivity")) or _NO_ID


class Facts:
    """All that rules across objects need of a roster.

    `at_target` are ids, by kind, of objects that are not sent with the roster and that the target has from before;
    `apart` are those of persons who are in it and are not sent.
    """

    __slots__ = ("activities", "apart", "at_target", "duties", "groups", "persons")

    def __init__(self) -> None:
        self.persons, self.duties, self.groups, self.activities = Persons(), Duties(), Groups(), Activities()
        self.apart: set[bytes] = set()
        self.at_target: dict[str, set[bytes]] = {"persons": set(), "duties": set(), "groups": set()}

    def add(self, kind: str, ordinal: int, object_id: UUID, item: Item) -> None:
        """Notes one more object; those of a kind come in the order of their list."""
        of_kind: Persons | Duties | Groups | Activities = getattr(self, kind)
        of_kind.add(object_id, ordinal)
        of_kind.note(item)

    def knows(self, kind: str, key: bytes) -> bool:
        """Tells whether an object is sent with the roster, or else at the target."""
        return self._is_sent(kind, key) or key in self.at_target[kind]

    def outside(self) -> Mapping[str, set[bytes]]:
        """Gives the ids, by kind, that objects refer to and that are not sent with the roster."""
        rows: Mapping[str, Sequence[bytes | bytearray]] = {
            "persons": (self.duties.persons, *self.groups.members),
            "duties": self.activities.teachers,
            "groups": self.activities.groups,
        }
        return {
            kind: {key for ids in listed for _, key in keys(ids) if not self._is_sent(kind, key)}
            for kind, listed in rows.items()
        }

    def _is_sent(self, kind: str, key: bytes) -> bool:
        of_kind: Objects = getattr(self, kind)
        return key in of_kind.positions and not (kind == "persons" and key in self.apart)

    def years_of_group(self, position: int) -> set[int]:
        """Gives the school years of a group's pupils, as far as they are known."""
        positions, years = self.persons.positions, self.persons.years
        found = {
            years[place] for _, key in keys(self.groups.members[position]) if (place := positions.get(key)) is not None
        }
        return found - {0}


def keys(ids: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """Gives the ids in a row of 16 bytes each, with their places; those that could not be read are passed over."""
    for place in range(len(ids) // 16):
        key = bytes(ids[16 * place : 16 * place + 16])
        if key != _NO_ID:
            yield place, key


def key_at(ids: bytes | bytearray, position: int) -> bytes | None:
    """Gives the id at a position of a row; None where it could not be read."""
    key = bytes(ids[16 * position : 16 * position + 16])
    return None if key == _NO_ID else key


def _hash(value: str) -> int:
    return hash(value) or 1


def _year(person: Item) -> int:
    found = 0
    for _, enrolment in objects(person, "enrolments"):
        year = enrolment.get("schoolYear")
        if enrolment.get("cancelled") is True or type(year) is not int or not 1 <= year <= 10:
            continue
        if found not in (0, year):
            return 0
        found = year
    return found
