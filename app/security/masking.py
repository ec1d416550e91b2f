"""Hides personal data in objects, the target's answers and whole batch bodies, and keeps their structure.

Everything that the target does not publish as harmless is hidden: a field that is new tomorrow is hidden too. Who may
see the unmasked form is not decided here.
"""

import re
from typing import Any, Final, TypeAlias

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
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")


def mask(value: JSON, harmless: Harmless) -> JSON:
    """Gives a copy in which every text is `***`, except `harmless` ids, published codes, times and names of attributes.

    Null, booleans, small numbers, lists and objects stay as they are. Numbers of five digits and more, values of
    attributes and parameters of any type, and keys that look like no field name are hidden as well.
    """
    return _mask(value, harmless, "", 0)


def is_attribute(text: str) -> bool:
    """Tells whether a text can be the name of an attribute, and so says nothing about a person."""
    return _ATTRIBUTE.fullmatch(text) is not None


def _mask(value: JSON, harmless: Harmless, within: str, depth: int) -> JSON:
    if isinstance(value, dict):
        return _object(value, harmless, within, depth) if depth < _DEEPEST else MASK
    if isinstance(value, list):
        return [_mask(part, harmless, within, depth + 1) for part in value] if depth < _DEEPEST else MASK
    return _scalar(value)


def _object(value: dict[str, JSON], harmless: Harmless, within: str, depth: int) -> dict[str, JSON]:
    masked: dict[str, JSON] = {}
    for key, part in value.items():
        name = key if _FIELD.fullmatch(key) else _unused(masked)
        if key in harmless.values:
            masked[name] = None if part is None else MASK
        elif isinstance(part, str) and _is_harmless(key, part, harmless, within, value):
            masked[name] = part
        else:
            masked[name] = _mask(part, harmless, key, depth + 1)
    return masked


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
