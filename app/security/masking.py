"""Hides personal data in SS 12000 objects, Skolverket's answers and whole batch bodies, and keeps their structure.

Everything that is not known to be harmless is hidden: a field that is new tomorrow is hidden too. Who may see the
unmasked form is not decided here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from app.domain.roster import uuid_of
from app.domain.ss12000 import ACTIVITY_TYPE, DUTY_ROLE, EMAIL_TYPE, GROUP_TYPE, SCHOOL_TYPE

JSON: TypeAlias = Any

MASK: Final = "***"

_LARGEST_NUMBER: Final = 9999  # a personnummer may come as a number; years, counts and status codes are shorter
_DEEPEST: Final = 50  # real objects have eight levels; what is deeper is hidden whole, before recursion ends
_IDS: Final = frozenset({"id", "jobId", "resourceId"})
_MOMENTS: Final = frozenset({"created", "modified", "timeOfOccurance"})
_NAMES: Final = frozenset({"attributeName", "parameterName"})
_VALUES: Final = frozenset({"attributeValue", "parameterValue"})
# securityMarking is absent on purpose: that somebody is protected is itself sensitive.
_CODES: Final[Mapping[str, frozenset[str]]] = {
    "schoolType": frozenset(SCHOOL_TYPE["enum"]),
    "groupType": frozenset(GROUP_TYPE["enum"]),
    "activityType": frozenset(ACTIVITY_TYPE["enum"]),
    "dutyRole": frozenset(DUTY_ROLE["enum"]),
    "status": frozenset({"Pending", "Success", "Warning", "Error", "TemporaryError"}),
    "severityLevel": frozenset({"Warning", "Error"}),
    "resourceType": frozenset({"Person", "Duty", "Group", "Activity"}),
}
_EMAIL_TYPES: Final = frozenset(EMAIL_TYPE["enum"])
_LOG_ENTRY_ID = re.compile(r"[0-9]{1,6}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]]{0,80}")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")


def mask(value: JSON) -> JSON:
    """Gives a copy in which every text is `***`, except ids, published codes, times and names of attributes.

    Null, booleans, small numbers, lists and objects stay as they are. Numbers of five digits and more, values of
    attributes and parameters of any type, and keys that look like no field name are hidden as well.
    """
    return _mask(value, "", 0)


def _mask(value: JSON, within: str, depth: int) -> JSON:
    if isinstance(value, dict):
        return _object(value, within, depth) if depth < _DEEPEST else MASK
    if isinstance(value, list):
        return [_mask(part, within, depth + 1) for part in value] if depth < _DEEPEST else MASK
    return _scalar(value)


def _object(value: dict[str, JSON], within: str, depth: int) -> dict[str, JSON]:
    masked: dict[str, JSON] = {}
    for key, part in value.items():
        name = key if _FIELD.fullmatch(key) else _unused(masked)
        if key in _VALUES:
            masked[name] = None if part is None else MASK
        elif isinstance(part, str) and _harmless(key, part, within, value):
            masked[name] = part
        else:
            masked[name] = _mask(part, key, depth + 1)
    return masked


def _scalar(value: JSON) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER:
        return value
    return MASK


def _harmless(key: str, text: str, within: str, siblings: dict[str, JSON]) -> bool:
    """Tells whether a text says nothing about a person, given its key, what that stands within, and its siblings."""
    if key in _IDS and uuid_of(text) is not None:
        return True
    if key == "id":
        return "severityLevel" in siblings and _LOG_ENTRY_ID.fullmatch(text) is not None
    if key in _MOMENTS:
        return _MOMENT.fullmatch(text) is not None
    if key in _NAMES:
        return _ATTRIBUTE.fullmatch(text) is not None
    if key == "type":
        return within == "emails" and text in _EMAIL_TYPES
    return text in _CODES.get(key, ())


def _unused(masked: dict[str, JSON]) -> str:
    """Gives a name for a hidden key; a second one in the same object is numbered, so that none gets lost."""
    hidden = sum(key.startswith(MASK) for key in masked)
    return f"{MASK}{hidden + 1}" if hidden else MASK
