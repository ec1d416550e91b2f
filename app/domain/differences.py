"""How an object that would be sent differs from the one that was accepted last, and in a word what that means.

Both are in the form in which objects leave. The order of a list says nothing, and a reference is known by its id.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.domain.outgoing import Path
from app.domain.roster import Item, school_units, uuid_of
from app.domain.traits import marking

MARKS: Final = (
    *("new", "unchanged", "renamed", "eppn_changed", "civic_no_changed", "marking_changed", "marking_weaker"),
    *("enrolment_changed", "unit_changed", "exam_changed", "members_lost", "members_gained"),
    *("groups_lost", "groups_gained", "teachers_lost", "teachers_gained", "changed", "left"),
)
# Those that tell nothing of what an object has or had. That it is just as somebody has guessed would tell all of it.
_PLAIN: Final = ("new", "left")

# What a change of a property of an object is called; of any other it is `changed`.
_MARK_OF: Final[Mapping[str, str]] = {
    "givenName": "renamed",
    "middleName": "renamed",
    "familyName": "renamed",
    "displayName": "renamed",
    "eduPersonPrincipalNames": "eppn_changed",
    "civicNo": "civic_no_changed",
    "enrolments": "enrolment_changed",
    "dutyAt": "unit_changed",
    "organisation": "unit_changed",
    "parentActivity": "exam_changed",
}
# Lists of references: what those are called that they lose or gain, and where each has the id of what it refers to.
_REFERENCES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "groupMemberships": ("members", ("person", "id")),
    "groups": ("groups", ("id",)),
    "teachers": ("teachers", ("duty", "id")),
}
# Those of them that say where a person goes.
_WHEREABOUTS: Final = ("groupMemberships", "teachers")
# By what of it an element of another list is the same as one before, although something else has changed.
_IDENTITIES: Final = ("type", "context")


class Difference(NamedTuple):
    """A place where two objects differ: where it is in each, None in the one that has it not."""

    old: Path | None
    new: Path | None

    @property
    def pointer(self) -> str:
        """Gives the JSON pointer into the new object, or into the old one where the new one has no such place."""
        path = self.old if self.new is None else self.new
        return "".join(f"/{step}" for step in path or ())


def differences(old: Item, new: Item) -> Iterator[Difference]:
    """Finds the smallest places where `new` differs from `old`; where `old` is empty, each property of `new`."""
    return _between(old, new, (), ())


def marks(old: Item, new: Item) -> list[str]:
    """Says in a word each what has changed from `old` to `new`, in the order of MARKS; `unchanged` if nothing has."""
    found = {mark for key in {*old, *new} for mark in _marks_of(key, old.get(key), new.get(key))}
    return [mark for mark in MARKS if mark in found] or ["unchanged"]


def plain_marks(said: Sequence[str]) -> list[str]:
    """Says of what `said` tells of a person or a duty what may be known where more must not be.

    That is `new`, `left`, or else `changed`, never `unchanged`: whoever guesses where somebody works, and uploads it,
    would be told when they are right.
    """
    return ["changed"] if said and set(_PLAIN).isdisjoint(said) else list(said)


def as_told(item: Item, unseen: Set[UUID] | None) -> Item:
    """Gives a group or an activity as it is held against another for who may not see those persons and duties.

    It is without all that is `unseen` (None: without anybody), and where a list has nobody else, without the list. Held
    against each other as this, an object is the same with somebody `unseen` and without, on either side: whoever
    guesses where they go, and uploads it, is told nothing by what has changed, nor by whether anything has.
    """
    told: Item = {}
    for key, value in item.items():
        if key not in _WHEREABOUTS:
            told[key] = value
        elif unseen is not None and (seen := [each for each in _list(value) if _named(key, each) not in unseen]):
            told[key] = seen
    return told


def differing_names(old: Item, new: Item) -> set[UUID]:
    """Gives the persons or duties that a group or an activity has in one of its forms and not, or not so, in the other.

    Whatever else it has of them is the same in both, so that nobody else matters for `as_told`.
    """
    found: set[UUID | None] = set()
    for key in _WHEREABOUTS:
        before, after = _list(old.get(key)), _list(new.get(key))
        found.update(_named(key, before[index]) for index in _unmatched(before, after))
        found.update(_named(key, after[index]) for index in _unmatched(after, before))
    return {each for each in found if each is not None}


def value_at(item: Any, path: Path | None) -> Any:
    """Gives what stands at a place of an object, None where there is nothing."""
    if path is None:
        return None
    for step in path:
        try:
            item = item[step]
        except (KeyError, IndexError, TypeError):
            return None
    return item


def _marks_of(key: str, old: Any, new: Any) -> Iterator[str]:
    if _is_same(old, new):
        return
    if key in _REFERENCES:
        name, steps = _REFERENCES[key]
        before, after = ({_comparable(value_at(each, steps)) for each in _list(value)} for value in (old, new))
        if before != after:
            yield from (f"{name}_{how}" for how, some in (("lost", before - after), ("gained", after - before)) if some)
            return
    elif key == "securityMarking":
        strength = marking({key: new}) - marking({key: old})
        if strength:
            yield from ["marking_changed", *(["marking_weaker"] if strength < 0 else [])]
            return
    elif key == "enrolments" and _units(old) != _units(new):
        yield "unit_changed"
    yield _MARK_OF.get(key, "changed")


def _between(old: Any, new: Any, old_path: Path, new_path: Path) -> Iterator[Difference]:
    if _is_same(old, new):
        return
    match (old, new):
        case (dict(), dict()):
            for key in [*new, *(key for key in old if key not in new)]:
                there = (*old_path, key), (*new_path, key)
                if key in old and key in new:
                    yield from _between(old[key], new[key], *there)
                else:
                    yield Difference(there[0] if key in old else None, there[1] if key in new else None)
        case (list(), list()):
            yield from _between_lists(old, new, old_path, new_path)
        case _:
            yield Difference(old_path, new_path)


def _between_lists(old: list[Any], new: list[Any], old_path: Path, new_path: Path) -> Iterator[Difference]:
    """Pairs the elements that are the same thing, and gives where each pair differs; then what is new and what gone."""
    lost, gained = _unmatched(old, new), _unmatched(new, old)
    for number, index in enumerate(gained):
        pair = _pair(new[index], old, lost, new_path)
        if pair is None and len(gained) - number == len(lost) == 1 and not _is_reference(new_path):
            pair = lost[0]
        if pair is None:
            yield Difference(None, (*new_path, index))
        else:
            lost.remove(pair)
            yield from _between(old[pair], new[index], (*old_path, pair), (*new_path, index))
    yield from (Difference((*old_path, index), None) for index in lost)


def _unmatched(these: list[Any], those: list[Any]) -> list[int]:
    """Gives the places of elements that the other list has not, or not as often."""
    left = Counter(map(_comparable, those))
    places: list[int] = []
    for index, each in enumerate(these):
        said = _comparable(each)
        left[said] -= 1
        if left[said] < 0:
            places.append(index)
    return places


def _pair(element: Any, old: list[Any], lost: list[int], path: Path) -> int | None:
    identity = _identity(element, path)
    return next((index for index in lost if identity is not None and _identity(old[index], path) == identity), None)


def _identity(element: Any, path: Path) -> object:
    """Gives what makes an element the same as one before, whatever else of it has changed; None for nothing."""
    if _is_reference(path):
        given = value_at(element, _REFERENCES[str(path[-1])][1])
    elif path[-1:] == ("enrolments",):
        return _units([element])
    else:
        given = next(filter(None, (value_at(element, (name,)) for name in _IDENTITIES)), None)
    return None if given is None else _comparable(given)


def _is_reference(path: Path) -> bool:
    return bool(path) and path[-1] in _REFERENCES


def _is_same(old: Any, new: Any) -> bool:
    # Mostly they are, to the last character.
    return bool(old == new) or _comparable(old) == _comparable(new)


def _comparable(value: Any) -> str:
    """Writes a value so that equal ones are written alike: lists in no order, ids in one spelling, null as missing."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(part) for key, part in value.items() if part is not None}
        case list():
            return sorted(map(_comparable, value))
        case str() if uuid_of(value):
            return value.lower()
    return value


def _named(key: str, element: Any) -> UUID | None:
    return uuid_of(value_at(element, _REFERENCES[key][1]))


def _units(enrolments: Any) -> frozenset[UUID | None]:
    return school_units("persons", {"enrolments": enrolments})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
