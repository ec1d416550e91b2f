"""Hides personal data in objects, the target's answers and whole batch bodies, and keeps their structure.

Everything that the target does not publish as harmless is hidden: a field that is new tomorrow is hidden too. Who may
see the unmasked form is not decided here.
"""

import re
from collections.abc import Set
from typing import Any, Final, TypeAlias
from uuid import UUID

from app.domain.masked import MASK
from app.domain.roster import uuid_of
from app.target import Harmless

JSON: TypeAlias = Any

_LARGEST_NUMBER: Final = 9999  # a personnummer may come as a number; years, counts and status codes are shorter
_DEEPEST: Final = 50  # real objects have eight levels; what is deeper is hidden whole, before recursion ends
_MESSAGE_ID = re.compile(r"[0-9]{1,6}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]]{0,80}")
_ID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")


def mask(value: JSON, harmless: Harmless, *, hidden: bool = False) -> JSON:
    """Gives a copy in which every text is `***`, except `harmless` ids, published codes, times and names of attributes.

    Null, booleans, small numbers, lists and objects stay as they are. Numbers of five digits and more, values of
    attributes and parameters of any type, and keys that look like no field name are hidden as well. Of somebody who is
    `hidden` whatever tells of their school is so too, ids and numbers as well.
    """
    return _mask(value, harmless, harmless.whereabouts if hidden else frozenset(), "", 0)


def without(value: JSON, ids: Set[UUID], harmless: Harmless) -> JSON:
    """Gives a copy that names none of these `ids`; what stands beside one in the same object is masked with it."""
    return _without(value, ids, harmless, 0) if ids else value


def is_attribute(text: str) -> bool:
    """Tells whether a text can be the name of an attribute, and so says nothing about a person."""
    return _ATTRIBUTE.fullmatch(text) is not None


def _mask(value: JSON, harmless: Harmless, emptied: Set[str], within: str, depth: int) -> JSON:
    if isinstance(value, dict):
        return _object(value, harmless, emptied, within, depth) if depth < _DEEPEST else MASK
    if isinstance(value, list):
        return [_mask(part, harmless, emptied, within, depth + 1) for part in value] if depth < _DEEPEST else MASK
    return _scalar(value)


def _object(value: dict[str, JSON], harmless: Harmless, emptied: Set[str], within: str, depth: int) -> dict[str, JSON]:
    masked: dict[str, JSON] = {}
    for key, part in value.items():
        name = key if _FIELD.fullmatch(key) else _unused(masked)
        if key in emptied:
            masked[name] = _emptied(part, depth + 1)
        elif key in harmless.values:
            masked[name] = None if part is None else MASK
        elif isinstance(part, str) and _is_harmless(key, part, harmless, within, value):
            masked[name] = part
        else:
            masked[name] = _mask(part, harmless, emptied, key, depth + 1)
    return masked


def _without(value: JSON, ids: Set[UUID], harmless: Harmless, depth: int) -> JSON:
    if depth > _DEEPEST:
        return MASK
    if isinstance(value, list):
        return [_without(part, ids, harmless, depth + 1) for part in value]
    if isinstance(value, dict):
        names = {key for key, part in value.items() if isinstance(part, str) and has_id(part, ids)}
        shown = mask(value, harmless) if names else value
        return {key: MASK if key in names else _without(part, ids, harmless, depth + 1) for key, part in shown.items()}
    return MASK if isinstance(value, str) and has_id(value, ids) else value


def has_id(text: str, ids: Set[UUID]) -> bool:
    """Tells whether one of these `ids` stands in a text."""
    return bool(ids) and any(UUID(each) in ids for each in _ID.findall(text))


def _emptied(value: JSON, depth: int) -> JSON:
    """Keeps of a value its structure alone."""
    if isinstance(value, dict) and depth < _DEEPEST:
        return {key if _FIELD.fullmatch(key) else MASK: _emptied(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list) and depth < _DEEPEST:
        return [_emptied(part, depth + 1) for part in value]
    return None if value is None else MASK


def _scalar(value: JSON) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER:
        return value
    return MASK


def _is_harmless(key: str, text: str, harmless: Harmless, within: str, siblings: dict[str, JSON]) -> bool:
    """Tells whether a text says nothing about a person, given its key, what that stands within, and its siblings."""
    if key in harmless.ids and uuid_of(text) is not None:
        return True
    if key == "id":
        return harmless.message_mark in siblings and _MESSAGE_ID.fullmatch(text) is not None
    if key in harmless.moments:
        return _MOMENT.fullmatch(text) is not None
    if key in harmless.attribute_names:
        return is_attribute(text)
    return text in harmless.codes.get(key, ()) or text in harmless.codes_within.get((within, key), ())


def _unused(masked: dict[str, JSON]) -> str:
    """Gives a name for a hidden key; a second one in the same object is numbered, so that none gets lost."""
    hidden = sum(key.startswith(MASK) for key in masked)
    return f"{MASK}{hidden + 1}" if hidden else MASK
