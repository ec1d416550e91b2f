"""What of Skolverket's objects, calls and answers needs no masking, place by place: made of the published schema."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from app.domain.outgoing import Schema
from app.domain.roster import uuid_of
from app.skolverket import results, schemas
from app.skolverket.attributes import is_attribute
from app.target import Harmless, Place

_MESSAGE_ID: Final = re.compile(r"[0-9]{1,6}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# That somebody is protected is itself sensitive, and so is that anything is said of it.
_UNSAID: Final = frozenset({"securityMarking"})
_WHEREABOUTS: Final = frozenset({"enrolments", "dutyAt", "dutyRole", "groupMemberships", "teachers"})
_REFERENCES: Final = frozenset({"groupMemberships", "teachers"})

_Shows = Callable[[Any], bool]


def _is_id(value: Any) -> bool:
    return uuid_of(value) is not None


def _is_flag(value: Any) -> bool:
    return value is True or value is False


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _MOMENT.fullmatch(value) is not None


def _is_message_id(value: Any) -> bool:
    return isinstance(value, str) and _MESSAGE_ID.fullmatch(value) is not None


@lru_cache(1000)
def _is_attribute(text: str) -> bool:
    return is_attribute(text)


def _is_attribute_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 100 and _is_attribute(value)


def _whole(least: int, most: int) -> _Shows:
    return lambda value: type(value) is int and least <= value <= most


def _one_of(*codes: str) -> _Shows:
    known = frozenset(codes)
    return lambda value: isinstance(value, str) and value in known


def _shows(schema: Schema) -> _Shows | None:
    """Gives what a value is shown by: ids, flags, published codes, and whole numbers within published bounds."""
    if "enum" in schema:
        return _one_of(*schema["enum"])
    if schema.get("format") == "uuid":
        return _is_id
    if schema.get("type") == "boolean":
        return _is_flag
    if schema.get("type") == "integer" and {"minimum", "maximum"} <= schema.keys():
        return _whole(schema["minimum"], schema["maximum"])
    return None


def _of_schema(schema: Schema, name: str = "", within: str = "") -> Place:
    """Makes the place of what has this `schema`, in the property `name`; `within` is that of the list it stands in."""
    return Place(
        {key: _of_schema(part, key) for key, part in schema.get("properties", {}).items()},
        _of_schema(schema["items"], within=name) if "items" in schema else None,
        _shows(schema),
        whereabouts=name in _WHEREABOUTS,
        reference=within in _REFERENCES,
        unsaid=name in _UNSAID,
        identifies=schema.get("format") == "uuid",
    )


_HIDDEN: Final = Place()
_ID: Final = Place(shows=_is_id, identifies=True)
_AT: Final = Place(shows=_is_moment)
_META: Final = Place({"created": _AT, "modified": _AT})
_SET_BY_SKOLVERKET: Final[Mapping[str, Place]] = {"meta": _META, "provisioningStatus": Place(shows=_is_flag)}
_STATUS_CODE: Final = Place(shows=_whole(100, 599))
_ENTRY: Final = Place(
    {
        "id": Place(shows=_is_message_id),
        "statusCode": _STATUS_CODE,
        "messageType": _HIDDEN,
        "message": _HIDDEN,
        "parameterName": Place(shows=_is_attribute_name),
        "parameterValue": _HIDDEN,
        "resourceType": Place(shows=_one_of("Person", "Duty", "Group", "Activity")),
        "resourceId": _ID,
        "attributeName": Place(shows=_is_attribute_name),
        "attributeValue": _HIDDEN,
        "severityLevel": Place(shows=_one_of("Warning", "Error")),
        "timeOfOccurance": _AT,
    }
)
_ENTRIES: Final = Place(each=_ENTRY)
_RESPONSE: Final = Place(
    {
        "status": Place(shows=_one_of(*results.STATUSES)),
        "statusCode": _STATUS_CODE,
        "location": _HIDDEN,
        "errors": _ENTRIES,
        "warnings": _ENTRIES,
    }
)
# A refusal of a call is a list of entries, or one.
_RESULT: Final = Place({"id": _ID, "response": _RESPONSE, "meta": _META}, each=_ENTRY)
_ANSWER: Final = Place(
    {**_ENTRY.named, "jobId": _ID, results.ITEMS: Place(each=_RESULT)},
    each=_ENTRY,
)


def _of_object(schema: Schema) -> Place:
    return Place({**_of_schema(schema).named, **_SET_BY_SKOLVERKET})


_OBJECTS: Final = {kind: _of_object(schema) for kind, schema in schemas.SCHEMAS.items()}

HARMLESS: Final = Harmless(
    objects=_OBJECTS,
    requests={kind: Place({"data": Place(each=place)}) for kind, place in _OBJECTS.items()},
    answer=_ANSWER,
    result=_RESULT,
)
