"""Rules for groups: by themselves, and their members across a roster."""

from collections.abc import Iterator
from itertools import islice
from typing import Final
from uuid import UUID

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found, keys
from app.domain.rules.given import Given
from app.domain.rules.parts import MOST_ISSUES, Item, field, id_of

_TYPES: Final = frozenset({"Klass", "Undervisning"})


def group_type(group: Item, _: Given) -> Iterator[Issue]:
    """A group is a class or a teaching group."""
    given = group.get("groupType")
    if isinstance(given, str) and given not in _TYPES:
        yield Issue("group_type", pointer="/groupType")


def empty(group: Item, _: Given) -> Iterator[Issue]:
    """A group has members; one that cannot be read is none, since it does not go."""
    members = group.get("groupMemberships")
    if members is None or (isinstance(members, list) and not any(id_of(field(each, "person")) for each in members)):
        yield Issue("group_empty", "warning", "/groupMemberships")


def members(facts: Facts) -> Iterator[Found]:
    """The members of a group are in the roster or at the target, which takes it without whom it does not know."""
    for position, ids in enumerate(facts.groups.members):
        unknown = (place for place, key in keys(ids) if not facts.knows("persons", key))
        for place in islice(unknown, MOST_ISSUES):
            at = f"/groupMemberships/{place}/person/id"
            yield Found("groups", position, Issue("group_member_unknown", "warning", at))


def one_class(facts: Facts) -> Iterator[Found]:
    """A pupil is in one class."""
    groups = facts.groups
    first: dict[bytes, int] = {}
    several: dict[bytes, list[int]] = {}
    for position in _classes(facts):
        for _, key in keys(groups.members[position]):
            before = first.setdefault(key, position)
            if before != position:
                listed = several.setdefault(key, [before])
                if listed[-1] != position:
                    listed.append(position)
    del first
    concerned = sorted({position for positions in several.values() for position in positions})
    for position in concerned:
        twice = ((place, key) for place, key in keys(groups.members[position]) if key in several)
        for place, key in islice(twice, MOST_ISSUES):
            others = (other for other in several[key] if other != position)
            ids = (UUID(bytes=key), *(groups.id(other) for other in islice(others, MOST_ISSUES)))
            at = f"/groupMemberships/{place}/person/id"
            yield Found("groups", position, Issue("pupil_in_classes", "warning", at, ids))


def mixed_years(facts: Facts) -> Iterator[Found]:
    """The pupils of a group are in one school year, as far as theirs are known."""
    for position in range(len(facts.groups.members)):
        if len(facts.years_of_group(position)) > 1:
            yield Found("groups", position, Issue("group_mixed_years", "warning", "/groupMemberships"))


def _classes(facts: Facts) -> Iterator[int]:
    return (position for position, is_class in enumerate(facts.groups.classes) if is_class)
