"""Where in an object Skolverket points, in whatever way it writes that: as a JSON pointer (RFC 6901).

Only published names and places that its lists have get into a pointer, so that it never holds a value.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from app.domain.outgoing import Schema
from app.skolverket.schemas import SCHEMAS

Step = str | int

# The class that an object of a kind is in Skolverket's messages: `Person.civicNo.value`.
_CLASSES: Final = {"persons": "person", "duties": "duty", "groups": "group", "activities": "activity"}
_SCHOOL_UNIT: Final = ("enrolment.enroledAt.id", "dutyAt.id", "organisation.id")
# What properties are called besides their published names; of several the first that the kind has. A name in the
# singular means one of a list.
_CALLED: Final[Mapping[str, Sequence[str]]] = {
    "eppn": ["eduPersonPrincipalName"],
    "federationsanvändarnamn": ["eduPersonPrincipalName"],
    "personnummer": ["civicNo.value"],
    "samordningsnummer": ["civicNo.value"],
    "medborgarskap": ["civicNo.nationality"],
    "förnamn": ["givenName"],
    "mellannamn": ["middleName"],
    "efternamn": ["familyName"],
    "epost": ["emails"],
    "epostadress": ["email.value"],
    "inskrivning": ["enrolment"],
    "inskrivningar": ["enrolments"],
    "årskurs": ["enrolment.schoolYear"],
    "skolform": ["schoolType", "enrolment.schoolType"],
    "studievägskod": ["enrolment.educationCode"],
    "skolenhet": _SCHOOL_UNIT,
    "skolenhetskod": _SCHOOL_UNIT,
    "schoolunit": _SCHOOL_UNIT,
    "schoolunitid": _SCHOOL_UNIT,
    "schoolunitcode": _SCHOOL_UNIT,
    "enrolledat": ["enrolment.enroledAt"],
    "skyddsmarkering": ["securityMarking"],
    "sekretessmarkering": ["securityMarking"],
    "tjänsteroll": ["dutyRole"],
    "roll": ["dutyRole"],
    "benämning": ["displayName"],
    "visningsnamn": ["displayName"],
    "grupptyp": ["groupType"],
    "gruppmedlem": ["groupMembership.person"],
    "gruppmedlemmar": ["groupMemberships"],
    "aktivitetstyp": ["activityType"],
    "grupp": ["group"],
    "grupper": ["groups"],
    "lärare": ["teachers"],
    "dutyassignment": ["teacher"],
    "provaktivitet": ["parentActivity"],
}
_BETWEEN_STEPS: Final = re.compile(r"[.\[\]/]+")
_AROUND: Final = "$#<>´`'\" "
# What a name and its places are written with, and the last place that is no part of a personnummer.
_WRITTEN: Final = re.compile(r"[$#/.]{0,3}[A-Za-zÅÄÖåäö][A-Za-zÅÄÖåäö0-9_.\[\]/-]{0,99}")
_LAST_PLACE: Final = 999
# That something is said of a marking tells that there is one.
_MARKINGS: Final = frozenset({"securitymarking", "skyddsmarkering", "sekretessmarkering"})
_NO_LETTER: Final = re.compile(r"[\W_]")


def pointer_of(kind: str, written: str, item: object = None) -> str | None:
    """Gives the pointer to what Skolverket calls `written` in an object of a `kind`; None when it can't be placed.

    `item` is the object, which tells which places its lists have: a place that is not there, and one that is not named
    in a list of several, end the pointer at the list. "" is the whole object.
    """
    steps = _steps(written)
    if steps[:1] == ["data"]:  # the list of a call, and the object's place in it
        steps = steps[1 + (len(steps) > 1 and isinstance(steps[1], int)) :]
    if steps and _folded(steps[0]) in {_CLASSES[kind], kind}:
        if len(steps) == 1:
            return ""
        steps = steps[1:]
    return next((found for way in _ways(kind, steps) if (found := _walked(SCHEMAS[kind], way, item))), None)


def is_attribute(written: str) -> bool:
    """Tells whether a text is made of published names, classes and places alone, and so says nothing about a person."""
    if not _WRITTEN.fullmatch(written):
        return False
    steps = _steps(written)
    words = [each for each in steps if isinstance(each, str)]
    places = [each for each in steps if isinstance(each, int)]
    known = _words().issuperset(map(_folded, words))
    return bool(words) and known and all(each <= _LAST_PLACE for each in places)


@cache
def _words() -> frozenset[str]:
    """Gives what a step may be: a published name, one of a list's, a class, a kind, or a name that they go by."""
    found = {"data", "id", *_CLASSES, *_CLASSES.values(), *_CALLED}
    for kind, schema in SCHEMAS.items():
        names = [*schema["properties"], *(str(way[-1]) for ways in _places(kind).values() for way in ways)]
        found.update(_folded(each) for each in names)
        found.update(_folded(each).removesuffix("s") for each in names)
    return frozenset(found) - _MARKINGS


def _steps(written: str) -> list[Step]:
    parts = (part.strip(_AROUND) for part in _BETWEEN_STEPS.split(written[:200]))
    return [int(part) if part.isascii() and part.isdecimal() else part for part in parts if part]


def _ways(kind: str, steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Gives what the steps may mean: published names from the top; other names; a name that stands in one place."""
    yield steps
    if not steps or isinstance(steps[0], int):
        return
    for called in _CALLED.get(_folded(steps[0]), ()):
        yield [*called.split("."), *steps[1:]]
    if len(places := _places(kind).get(_folded(steps[0]), [])) == 1:
        yield [*places[0], *steps[1:]]


def _walked(schema: Schema, steps: Sequence[Step], value: Any) -> str:
    """Gives the pointer as far as the schema and the value have the steps."""
    pointer = ""
    for step in steps:
        if isinstance(step, str) and "items" in schema:
            if not isinstance(value, list) or len(value) != 1:
                break
            pointer, schema, value = f"{pointer}/0", schema["items"], value[0]
        if isinstance(step, int):
            if "items" not in schema or not isinstance(value, list) or step >= len(value):
                break
            pointer, schema, value = f"{pointer}/{step}", schema["items"], value[step]
            continue
        name, one_of_list = _property(schema, _folded(step))
        if name is None:
            break
        pointer, schema = f"{pointer}/{name}", schema["properties"][name]
        value = value.get(name) if isinstance(value, dict) else None
        if one_of_list and isinstance(value, list) and len(value) == 1:
            pointer, schema, value = f"{pointer}/0", schema["items"], value[0]
    return pointer


def _property(schema: Schema, folded: str) -> tuple[str | None, bool]:
    """Finds a property by its name in any case, and tells whether that was the singular of a list's."""
    for name, inner in schema.get("properties", {}).items():
        if _folded(name) == folded:
            return name, False
        if "items" in inner and _folded(name) == f"{folded}s":
            return name, True
    return None, False


@cache
def _places(kind: str) -> Mapping[str, list[Sequence[Step]]]:
    """Gives for every name below the top where in the schema it stands."""
    found: dict[str, list[Sequence[Step]]] = {}
    waiting: list[tuple[tuple[Step, ...], Schema]] = [((), SCHEMAS[kind])]
    while waiting:
        path, schema = waiting.pop()
        for name, inner in schema.get("properties", {}).items():
            if path:
                found.setdefault(_folded(name), []).append((*path, name))
            waiting.append(((*path, name), inner.get("items", inner)))
    return found


def _folded(step: Step) -> str:
    return _NO_LETTER.sub("", str(step).casefold())
