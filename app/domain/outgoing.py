"""What of an object leaves: the one place where an object as it came becomes the object as it is sent.

It knows SS 12000 and what may be left out; what is published of a kind, the target says by a `Shape`. Objects may be
malformed in any way: every function takes any JSON value anywhere and raises nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from app.domain.batching import encode
from app.domain.issues import Issue
from app.domain.roster import Item, is_marking_misspelt, uuid_of
from app.domain.ss12000 import PROPERTIES
from app.domain.texts import has_trouble, without_trouble

MOST_ISSUES: Final = 20

Schema = dict[str, Any]
Path = tuple[str | int, ...]
# A path with "-" for each index: of any element.
Place = tuple[str, ...]

_ANY: Final = "-"
_NAMES: Final[Set[Place]] = {("givenName",), ("middleName",), ("familyName",), ("displayName",)}
# What an object goes without when its value breaks the shape: a whole property, or one element of a list.
_MAY_GO_WITHOUT: Final[Set[Place]] = {
    ("middleName",),
    ("emails",),
    ("emails", _ANY),
    ("externalIdentifiers",),
    ("groupMemberships", _ANY),
    ("teachers", _ANY),
}
# Lists of references, and what each element refers to: twice is no more than once.
_REFERENCES: Final[Mapping[Place, tuple[str, ...]]] = {
    ("groupMemberships",): ("person", "id"),
    ("groups",): ("id",),
    ("teachers",): ("duty", "id"),
}
_ENROLMENTS: Final[Place] = ("enrolments",)
_GONE: Final = frozenset({"utvandrad", "avliden"})


class Breach(NamedTuple):
    """A place of an object that is not as it is published, with the code of why; a null is `schema_null`."""

    path: Path
    code: str


class LeftOut(NamedTuple):
    """A property that was left out and needs no word for each object; `-` in its pointer stands for any element."""

    code: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What is published of a kind: its JSON Schema, and how an object is held against it.

    `schema` names the properties that may be sent. `is_clean` tells whether an object that can be written may leave as
    it is, to the last character; `breaches` are its places that break what is published, always in the same order.
    """

    schema: Schema
    is_clean: Callable[[Item], bool]
    breaches: Callable[[Item], Iterator[Breach]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An object as it is sent, encoded; `plain` is None where it stays here, `is_whole` says that it goes as it came.

    `issues` are the record's: an error keeps it here, with a warning it ends in `warning`. `findings` are about the
    object too, and change nothing for the record. What is in `left_out` is counted over all objects.
    `broken` are the pointers of all that keeps the object here or is left out of it, of which issues show the first.
    """

    plain: bytes | None = field(repr=False)
    issues: tuple[Issue, ...] = ()
    findings: tuple[Issue, ...] = ()
    left_out: Set[LeftOut] = frozenset()
    is_whole: bool = False
    broken: Set[str] = frozenset()


def outgoing(item: Item, shape: Shape, today: date) -> Outgoing:
    """Makes what leaves of `item`: what its `shape` publishes, without what is null, ids in one spelling.

    Bad values that it may go without are left out with an issue, doubled references go once, enrolments that have ended
    by `today` go as cancelled, characters that nobody sees are taken out of names. Anything else that breaks the shape
    keeps the object here. The given object is never changed.
    """
    plain = _encoded(item, shape)
    if plain is not None:
        return Outgoing(plain, is_whole=True)
    return _Trimming(item, shape, today).outgoing()


def _encoded(item: Item, shape: Shape) -> bytes | None:
    """Writes an object that can be sent as it is; None for any other."""
    try:
        return encode(item) if shape.is_clean(item) else None
    except UnicodeEncodeError:
        return None


class _Trimming:
    """One object on its way to what leaves of it, and what there is to say of that."""

    def __init__(self, item: Item, shape: Shape, today: date) -> None:
        self._item = item
        self._shape = shape
        self._today = today
        self._errors: dict[Issue, None] = {}
        self._warnings: dict[Issue, None] = {}
        self._findings: dict[Issue, None] = {}
        self._left_out: set[LeftOut] = set()
        self._dropped: dict[Path, str] = {}

    def outgoing(self) -> Outgoing:
        for path, code in self._shape.breaches(self._item):
            self._judge(path, code)
        kept = self._part(self._shape.schema, self._item, (), ())
        plain: bytes | None = None
        if not self._errors:
            # What leaves is held against the shape itself, whatever was thought of its parts.
            plain = _encoded(kept, self._shape)
            if plain is None:
                self._errors[Issue("schema_other", pointer="")] = None
        left_out = (issue for issue in self._warnings if issue.code == "value_left_out")
        return Outgoing(
            plain,
            tuple([*self._errors, *self._warnings][:MOST_ISSUES]),
            tuple(self._findings)[:MOST_ISSUES],
            frozenset(self._left_out),
            broken=frozenset(each.pointer for each in (*self._errors, *left_out) if each.pointer is not None),
        )

    def _judge(self, path: Path, code: str) -> None:
        """Decides what a breach means: a property that counts as absent, a part that is left out, or an error."""
        if code == "schema_null" and self._is_optional(path):
            return
        # The smallest part that holds it.
        for length in range(len(path), 0, -1):
            if _place(path[:length]) in _MAY_GO_WITHOUT:
                self._dropped.setdefault(path[:length], code)
                return
        self._errors[Issue(code, pointer=self._pointer(path))] = None

    def _is_optional(self, path: Path) -> bool:
        schema: Schema = self._shape.schema
        for step in path[:-1]:
            schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
        return bool(path) and isinstance(path[-1], str) and path[-1] not in schema.get("required", ())

    def _part(self, schema: Schema, value: Any, path: Path, place: Place) -> Any:
        match value:
            case dict() if "properties" in schema:
                return self._object(schema, value, path, place)
            case list() if "items" in schema:
                return self._list(schema["items"], value, path, place)
            case str() if schema.get("format") == "uuid" and uuid_of(value):
                return value.lower()
            case str() if place in _NAMES and has_trouble(value):
                self._warnings[Issue("name_characters", "warning", pointer=self._pointer(path))] = None
                return without_trouble(value)
        return value

    def _object(self, schema: Schema, value: Item, path: Path, place: Place) -> Item:
        kept: Item = {}
        for key, part in value.items():
            of_part, there = schema["properties"].get(key), (*path, key)
            if of_part is None:
                self._note_surplus(place, key)
            elif there in self._dropped:
                self._note_dropped(there)
            elif part is None and key in schema.get("required", ()):
                continue  # An error says so: the object stays here.
            elif part is None:
                self._left_out.add(LeftOut("null_left_out", _written((*place, key))))
            else:
                kept[key] = self._part(of_part, part, there, (*place, key))
        return kept

    def _list(self, schema: Schema, value: list[Any], path: Path, place: Place) -> list[Any]:
        kept: list[Any] = []
        seen: set[str] = set()
        for index, part in enumerate(value):
            there = (*path, index)
            if there in self._dropped:
                self._note_dropped(there)
                continue
            element = self._part(schema, part, there, (*place, _ANY))
            if place == _ENROLMENTS and isinstance(part, dict):
                element = self._ended(part, element, there)
            if self._is_wanted(place, part, element, there, seen):
                kept.append(element)
        return kept

    def _is_wanted(self, place: Place, part: Any, element: Any, there: Path, seen: set[str]) -> bool:
        """Tells whether an element of a list goes: not one that says nothing, nor what another has said already."""
        if place in _REFERENCES:
            key = _at(element, _REFERENCES[place])
            if key is None and (*place, _ANY) in _MAY_GO_WITHOUT:
                # Of a reference that is null there is word already.
                if not (isinstance(part, dict) and part.get(_REFERENCES[place][0], "") is None):
                    self._warnings[self._left(there, "schema_required")] = None
                return False
            if not _is_first(key, seen):
                self._warnings[Issue("reference_doubled", "warning", pointer=self._pointer(there))] = None
                return False
        elif place == _ENROLMENTS and isinstance(element, dict):
            said = repr(sorted(element.items(), key=repr))
            if not _is_first(said, seen):
                self._findings[Issue("enrolment_doubled", "warning", pointer=self._pointer(there))] = None
                return False
        return True

    def _ended(self, came: Item, enrolment: Item, path: Path) -> Item:
        """Gives an enrolment as cancelled when it has ended, or its person is no longer there."""
        status = self._item.get("personStatus")
        gone = isinstance(status, str) and status.strip().casefold() in _GONE
        if enrolment.get("cancelled") is True or not (gone or _is_past(came.get("endDate"), self._today)):
            return enrolment
        self._findings[Issue("enrolment_ended", "warning", pointer=self._pointer(path))] = None
        return {**enrolment, "cancelled": True}

    def _note_surplus(self, place: Place, key: str) -> None:
        schema: Schema = self._shape.schema
        if not place and key in schema.get("readOnly", ()):
            return
        if not place and is_marking_misspelt(key):
            self._errors[Issue("marking_name", pointer="/securityMarking")] = None
        elif key in PROPERTIES:
            self._left_out.add(LeftOut("property_left_out", _written((*place, key))))
        else:
            # A name that nobody has defined may be anything, a personnummer too.
            self._left_out.add(LeftOut("unknown_left_out", ""))

    def _note_dropped(self, path: Path) -> None:
        self._warnings[self._left(path, self._dropped[path])] = None

    def _left(self, path: Path, cause: str) -> Issue:
        return Issue("value_left_out", "warning", pointer=self._pointer(path), cause=cause)

    def _pointer(self, path: Path) -> str:
        """Writes a JSON pointer that ends before the first name that is not published."""
        schema: Schema = self._shape.schema
        known: list[str | int] = []
        for step in path:
            part = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
            if part is None:
                break
            schema = part
            known.append(step)
        return _written(known)


def _is_first(key: object, seen: set[str]) -> bool:
    """Tells whether a key is none of those `seen` before, and adds it; what is no text is always one of its own."""
    if not isinstance(key, str) or key not in seen:
        seen.update([key] if isinstance(key, str) else [])
        return True
    return False


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _place(path: Path) -> Place:
    return tuple(step if isinstance(step, str) else _ANY for step in path)


def _written(path: Path | list[str | int]) -> str:
    return "".join(f"/{step}" for step in path)


def _is_past(value: Any, today: date) -> bool:
    """Tells of a date, or a moment, that its day lies before `today`; anything that is neither lies nowhere."""
    try:
        return isinstance(value, str) and date.fromisoformat(value[:10]) < today
    except ValueError:
        return False
