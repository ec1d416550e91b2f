"""Hides personal data in objects, the target's answers and whole batch bodies, and keeps their structure.

Names and values are shown only where the target has published them, at that very place: whatever is new tomorrow is
hidden, its name too. Who may see the unmasked form is not decided here.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final, TypeAlias
from uuid import UUID

from app.domain.masked import MASK
from app.target import Place

JSON: TypeAlias = Any
_Named: TypeAlias = Mapping[str, Place]

_DEEPEST: Final = 50  # real objects have eight levels; what is deeper is hidden whole, before recursion ends
_ID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_UNKNOWN: Final = Place()


def mask(value: JSON, place: Place = _UNKNOWN, *, hidden: bool = False) -> JSON:
    """Gives a copy in which every value is `***` but for those that its `place` shows; null stays, and so do lists.

    A name that is not published there is `***`, a second one in the same object `***2`; what is unsaid is left out. Of
    somebody who is `hidden` nothing is shown that stands in a place of whereabouts, ids and numbers as well.
    """
    return _mask(value, place, hidden, False, 0)


def only_published(value: JSON, place: Place = _UNKNOWN) -> JSON:
    """Gives a copy in which all is `***` that stands in no place which its `place` has, names of properties as well.

    What is published there stays as it is, but for an id that cannot be read: it may be anybody's in another spelling.
    """
    return _only_published(value, place, 0)


def without(value: JSON, ids: Set[UUID], place: Place = _UNKNOWN) -> JSON:
    """Gives a copy that names none of these `ids`: references to them are left out of their lists.

    What stands beside one elsewhere, in the same object, is masked with it.
    """
    return _without(value, ids, place, 0) if ids else value


def has_id(text: str, ids: Set[UUID]) -> bool:
    """Tells whether one of these `ids` stands in a text."""
    return bool(ids) and any(UUID(each) in ids for each in _ID.findall(text))


def _mask(value: JSON, place: Place, hidden: bool, emptied: bool, depth: int) -> JSON:
    if value is None:
        return None
    if isinstance(value, dict):
        return _object(value, place.named, hidden, emptied, depth + 1) if depth < _DEEPEST else MASK
    if isinstance(value, list):
        if depth >= _DEEPEST:
            return MASK
        each = place.each or _UNKNOWN
        return [_mask(part, each, hidden, emptied, depth + 1) for part in value]
    return value if not emptied and place.shows is not None and place.shows(value) else MASK


def _object(value: dict[str, JSON], named: _Named, hidden: bool, emptied: bool, depth: int) -> dict[str, JSON]:
    masked: dict[str, JSON] = {}
    for key, part, place in _under(value, named):
        if place is None:
            masked[key] = _mask(part, _UNKNOWN, hidden, emptied, depth)
        elif not place.unsaid:
            masked[key] = _mask(part, place, hidden, emptied or (hidden and place.whereabouts), depth)
    return masked


def _only_published(value: JSON, place: Place, depth: int) -> JSON:
    if value is None:
        return None
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return MASK
        return {
            key: _mask(part, _UNKNOWN, False, False, depth + 1)
            if known is None
            else _only_published(part, known, depth + 1)
            for key, part, known in _under(value, place.named)
        }
    if isinstance(value, list):
        if place.each is None or depth >= _DEEPEST:
            return _mask(value, _UNKNOWN, False, False, depth)
        return [_only_published(part, place.each, depth + 1) for part in value]
    is_elsewhere = bool(place.named) or place.each is not None
    is_unread = place.identifies and (place.shows is None or not place.shows(value))
    return MASK if is_elsewhere or is_unread else value


def _under(value: dict[str, JSON], named: _Named) -> Iterator[tuple[str, JSON, Place | None]]:
    """Gives each property by the name that is shown, with its place; one that is not published has none."""
    unknown = 0
    for key, part in value.items():
        place = named.get(key)
        if place is None:
            unknown += 1
            key = f"{MASK}{unknown}" if unknown > 1 else MASK
        yield key, part, place


def _without(value: JSON, ids: Set[UUID], place: Place, depth: int) -> JSON:
    if depth > _DEEPEST:
        return MASK
    if isinstance(value, list):
        each = place.each or _UNKNOWN
        kept = [part for part in value if not _names(part, ids)] if each.reference else value
        return [_without(part, ids, each, depth + 1) for part in kept]
    if isinstance(value, dict):
        shown = mask(value, place) if any(_speaks_of(key, part, ids) for key, part in value.items()) else value
        named = place.named
        return {key: _without(part, ids, named.get(key, _UNKNOWN), depth + 1) for key, part in shown.items()}
    return MASK if isinstance(value, str) and has_id(value, ids) else value


def _speaks_of(key: str, part: JSON, ids: Set[UUID]) -> bool:
    return has_id(key, ids) or (isinstance(part, str) and has_id(part, ids))


def _names(value: JSON, ids: Set[UUID], depth: int = 0) -> bool:
    """Tells whether one of these `ids` stands anywhere in a value; what is too deep for a look is taken to have one."""
    if isinstance(value, dict | list):
        if depth > _DEEPEST:
            return True
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return any(_names(part, ids, depth + 1) for part in parts)
    return isinstance(value, str) and has_id(value, ids)
