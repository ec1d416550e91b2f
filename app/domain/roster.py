"""Reads the objects of a roster: who they are, what they refer to, what may go out when others failed.

Objects may be malformed in any way, so every function takes any JSON value anywhere and raises nothing.
"""

import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from app.domain.kinds import Kind
from app.domain.spellings import spelt_id

Item = dict[str, Any]
# Another object that one speaks of, by its kind and id.
Reference = tuple[Kind, UUID]

UNKNOWN_UNIT: Final[frozenset[UUID | None]] = frozenset({None})

_OTHER_THAN_LETTERS = re.compile("[^A-Za-z]")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_LONGEST_SHOWN: Final = 255
_NAMES: Final = ("givenName", "middleName", "familyName")
# SS 12000's codes of the kinds of school that take part.
_SCHOOL_TYPES: Final = frozenset({"GR", "SP", "SAM", "GY", "VUXGY"})
_WITHOUT_FORM = re.compile("[\0\ud800-\udfff]")  # neither UTF-8 nor a Postgres text has them


class RosterObject(NamedTuple):
    """One object of a roster's list of a kind; `ordinal` is its place in the list, from 0."""

    kind: str
    ordinal: int
    id: UUID
    object: Item


Role = Literal["Elev", "Personal"]


class Affiliation(NamedTuple):
    """Where an object belongs: as who, in which year, type and unit of school, in which post; unknown is None."""

    role: Role | None = None
    school_year: int | None = None
    school_type: str | None = None
    school_unit: UUID | None = None
    duty_role: str | None = None


_NOWHERE: Final = Affiliation()
_STAFF: Final = Affiliation("Personal")


@dataclass(frozen=True, slots=True)
class Described:
    """What a list of records shows of an object; what is missing or malformed is None."""

    name: str | None = None
    civic_no: str | None = None
    eppn: str | None = None
    affiliation: Affiliation = _NOWHERE


@dataclass(frozen=True, slots=True)
class Send:
    """The object goes out as `item`; `without` are the ids that were left out of it."""

    item: Item
    without: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """The object stays here, since it cannot be without the objects of these ids."""

    ids: tuple[UUID, ...]


def uuid_of(value: object) -> UUID | None:
    """Reads a UUID in its usual spelling (36 characters, hyphens, any case), or gives None."""
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


def describe(kind: str, item: Item) -> Described:
    """Gives the fields that lists show.

    Texts always have a UTF-8 form, and are cut to 255 characters, the last of which says so.
    """
    belongs = affiliation(kind, item)
    if kind == "persons":
        names = filter(None, (_text(_field(item, key)) for key in _NAMES))
        return Described(
            name=_cut(" ".join(names) or None),
            civic_no=_cut(_text(_field(_field(item, "civicNo"), "value"))),
            eppn=_cut(_eppn(item)),
            affiliation=belongs,
        )
    name = None if kind == "duties" else _cut(_text(_field(item, "displayName")))
    return Described(name=name, affiliation=belongs)


def affiliation(kind: str, item: Item) -> Affiliation:
    """Tells where an object belongs: a pupil by the first enrolment that holds, a duty to where it is held.

    A school type is a published code; a post is any text, as it came.
    """
    if kind == "persons":
        enrolments = [part for part in _list(item, "enrolments") if isinstance(part, dict)]
        if not enrolments:
            return _STAFF
        current = next((part for part in enrolments if part.get("cancelled") is not True), {})
        unit = _id_of(current.get("enroledAt"))
        return Affiliation("Elev", _school_year(current), _school_type(current), unit)
    if kind == "duties":
        post = _cut(_text(_field(item, "dutyRole")))
        return Affiliation("Personal", school_unit=_id_of(_field(item, "dutyAt")), duty_role=post)
    return Affiliation(school_type=_school_type(item), school_unit=_id_of(_field(item, "organisation")))


def refs(kind: str, item: Item) -> list[UUID]:
    """Lists the ids of the roster's objects that this one refers to, in order and once each; what is no UUID is out.

    A duty refers to its person, a group to its members, an activity to its groups and then its teachers' duties. The
    person of a duty is read in any spelling: it is hidden and erased with them, and stays here for its spelling anyway.
    """
    return list(dict.fromkeys(filter(None, _references(kind, item))))


def referred(kind: str, item: Item, object_id: UUID) -> Reference:
    """Tells of which kind an object is that an object of a `kind` builds on: an activity has groups and duties."""
    if kind == "activities":
        of_groups = object_id in map(_id_of, _list(item, "groups"))
        return (Kind.GROUPS if of_groups else Kind.DUTIES), object_id
    return Kind.PERSONS, object_id


def is_protected(item: Item) -> bool:
    """Tells whether a person must be masked for most readers: any marking but `Ingen`, also one that is malformed."""
    if not isinstance(item, dict) or item.get("securityMarking", "Ingen") != "Ingen":
        return True
    return any(map(is_marking_misspelt, item))


def is_nobodys(kind: str, item: Item) -> bool:
    """Tells whether an object is a duty whose person can't be read: whoever may be protected, it is hidden."""
    return kind == "duties" and _id_of(_field(item, "person")) is None


def is_marking_misspelt(name: str) -> bool:
    """Tells whether a property's name is that of the marking in another spelling, which nobody would see as one."""
    return (
        len(name) > 13 and name != "securityMarking" and _OTHER_THAN_LETTERS.sub("", name).lower() == "securitymarking"
    )


def school_units(kind: str, item: Item) -> frozenset[UUID | None]:
    """Gives the school units that an object belongs to; None stands for one that is not there or can't be read.

    A pupil belongs to those of every enrolment, also of an ended one, since its school follows that it ends; a duty to
    where it is held; a group or an activity to its organisation. Staff belong to none by themselves.
    """
    if kind != "persons":
        return frozenset({_id_of(_field(item, "dutyAt" if kind == "duties" else "organisation"))})
    if not isinstance(item, dict):
        return UNKNOWN_UNIT
    enrolments = item.get("enrolments")
    if enrolments is not None and not isinstance(enrolments, list):
        return UNKNOWN_UNIT
    return frozenset(_id_of(_field(enrolment, "enroledAt")) for enrolment in enrolments or ())


def further_units(kind: str, item: Item, unit: UUID | None) -> list[UUID] | None:
    """Gives the school units of a person beside that `unit`, None where there are no others; all else has one."""
    if kind != "persons":
        return None
    return sorted(each for each in school_units(kind, item) if each is not None and each != unit) or None


def blocked(kind: str, item: Item, failed: Set[UUID]) -> Send | Skip:
    """Decides what goes out when objects of the stages before ended in error or were skipped.

    A duty needs its person; an activity needs one group that did not fail, inside the roster or out of it, and goes
    without those groups and teachers that did; a group always goes as it is, since Skolverket keeps the pupils that it
    knows. The given object is never changed.
    """
    if kind == "duties":
        person = _id_of(_field(item, "person"))
        return Skip((person,)) if person is not None and person in failed else Send(item)
    if kind != "activities" or not isinstance(item, dict):
        return Send(item)
    groups, lost_groups = _apart(_list(item, "groups"), _id_of, failed)
    teachers, lost_teachers = _apart(_list(item, "teachers"), _duty_id, failed)
    if lost_groups and not groups:
        return Skip(lost_groups)
    changed = ({"groups": groups} if lost_groups else {}) | ({"teachers": teachers} if lost_teachers else {})
    if not changed:
        return Send(item)
    return Send({key: changed.get(key, value) for key, value in item.items()}, lost_groups + lost_teachers)


def _apart(
    entries: list[Any], id_of: Callable[[object], UUID | None], failed: Set[UUID]
) -> tuple[list[Any], tuple[UUID, ...]]:
    kept: list[Any] = []
    lost: dict[UUID, None] = {}
    for entry in entries:
        entry_id = id_of(entry)
        if entry_id is not None and entry_id in failed:
            lost[entry_id] = None
        else:
            kept.append(entry)
    return kept, tuple(lost)


def _references(kind: str, item: Item) -> Iterator[UUID | None]:
    if kind == "duties":
        person = _field(_field(item, "person"), "id")
        yield uuid_of(person) or spelt_id(person)
    elif kind == "groups":
        yield from (_id_of(_field(part, "person")) for part in _list(item, "groupMemberships"))
    elif kind == "activities":
        yield from map(_id_of, _list(item, "groups"))
        yield from map(_duty_id, _list(item, "teachers"))


def _id_of(part: object) -> UUID | None:
    return uuid_of(_field(part, "id"))


def _duty_id(entry: object) -> UUID | None:
    return _id_of(_field(entry, "duty"))


def _field(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _list(item: object, key: str) -> list[Any]:
    value = _field(item, key)
    return value if isinstance(value, list) else []


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _text(value: object) -> str | None:
    """Gives a text that can be stored and shown, or None for what is blank or no text."""
    return _WITHOUT_FORM.sub("\ufffd", value).strip() or None if isinstance(value, str) else None


def _eppn(person: Item) -> str | None:
    return next(filter(None, map(_text, _list(person, "eduPersonPrincipalNames"))), None)


def _school_year(enrolment: Item) -> int | None:
    year = enrolment.get("schoolYear")
    # A wild number is a issue of the roster, not something to show or to squeeze into a column.
    return year if type(year) is int and 0 <= year <= 99 else None


def _school_type(part: object) -> str | None:
    value = _field(part, "schoolType")
    return value if isinstance(value, str) and value in _SCHOOL_TYPES else None
