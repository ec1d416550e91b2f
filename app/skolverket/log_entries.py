"""Skolverket's messages (LogEntry, Provisioning API 1.3.2): what each objects to, and where in the object."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID

from app.domain.kinds import Kind
from app.domain.roster import Reference, uuid_of
from app.skolverket.attributes import pointer_of
from app.target import Message, MessageType

# They stand in an index, whose rows have a largest size.
_MOST_CODES: Final = 20
_SEVERITIES: Final[Mapping[str, Literal["error", "warning"]]] = {"error": "error", "warning": "warning"}
# `messageType`: those of the published examples, and others that are likely; it is no closed list.
_TYPES: Final[Mapping[str, MessageType]] = {
    "ogiltigt format": "format",
    "felaktigt format": "format",
    "fel format": "format",
    "ogiltig datatyp": "format",
    "ogiltigt värde": "value",
    "felaktigt värde": "value",
    "otillåtet värde": "value",
    "uppgift saknas": "missing",
    "värde saknas": "missing",
    "saknat värde": "missing",
    "obligatorisk uppgift saknas": "missing",
    "ogiltig referens": "reference",
    "felaktig referens": "reference",
    "referens saknas": "reference",
    "dubblett": "taken",
    "redan använt värde": "taken",
    "bristfälligt värde": "weak",
    "teknisk begränsning": "limit",
    "behörighet saknas": "rights",
    "okänt fel": "fault",
    "overload": "fault",
}
# What refers to other objects of the roster, and of which kind those are.
_PERSON: Final = re.compile(r"/person(/id)?|/groupMemberships(/[0-9]+(/person(/id)?)?)?")
_REFERENCES: Final[Mapping[str, Mapping[Kind, re.Pattern[str]]]] = {
    "persons": {},
    "duties": {Kind.PERSONS: _PERSON},
    "groups": {Kind.PERSONS: _PERSON},
    "activities": {
        Kind.GROUPS: re.compile(r"/groups(/[0-9]+(/id)?)?"),
        Kind.DUTIES: re.compile(r"/teachers(/[0-9]+(/duty(/id)?)?)?"),
    },
}


def messages(received: Any, kind: str, item: Any) -> Iterator[Message]:
    """Finds the messages in what was received: the item of a bulk job's answer, or the refusal of a whole call.

    `item` is the object of a `kind` as it went out, None when it is not known.
    """
    return (_read(entry, severity, kind, item) for severity, entry in _entries(received))


def codes(received: Any) -> Sequence[str]:
    """Gives the codes of the messages in what was received, once each; of very many the first ones."""
    ids = (entry.get("id") if isinstance(entry, dict) else None for _, entry in _entries(received))
    return tuple(dict.fromkeys(map(_code, ids)))[:_MOST_CODES]


def _entries(received: Any) -> Iterator[tuple[str, Any]]:
    """Gives each LogEntry with the severity of the list in which it stands."""
    if isinstance(received, dict):
        response = received.get("response")
        listed = response if isinstance(response, dict) else received
        for name, severity in (("errors", "error"), ("warnings", "warning")):
            given = listed.get(name)
            for entry in given if isinstance(given, list) else ():
                yield severity, entry
    elif isinstance(received, list):
        yield from (("error", entry) for entry in received)


def _read(given: Any, severity: str, kind: str, item: Any) -> Message:
    """Reads one LogEntry; whatever does not look like one becomes a message without a text."""
    entry = given if isinstance(given, dict) else {}
    said = str(entry.get("severityLevel")).lower()
    type_, attribute = _text(entry.get("messageType")), _text(entry.get("attributeName"))
    pointer = None if attribute is None else pointer_of(kind, attribute, item)
    return Message(
        _SEVERITIES[said if said in _SEVERITIES else severity],
        _code(entry.get("id")),
        _TYPES.get(" ".join(type_.casefold().split())) if type_ else None,
        _text(entry.get("message")) or type_,
        pointer,
        None if pointer is None else _about(kind, item, pointer, entry.get("attributeValue")),
    )


def _about(kind: str, item: Any, pointer: str, value: Any) -> Reference | None:
    """Gives the other object that a message speaks of: its id is the value, or what the object has at the pointer."""
    for other, reference in _REFERENCES[kind].items():
        if reference.fullmatch(pointer) and (named := uuid_of(value) or _reference(_at(item, pointer))):
            return other, named
    return None


def _at(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _reference(value: Any) -> UUID | None:
    if not isinstance(value, dict):
        return uuid_of(value)
    return uuid_of(value.get("id")) or _reference(value.get("person") or value.get("duty"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _code(value: Any) -> str:
    """Reads a LogEntry's id, which is a short word; anything else could be anything, and is not repeated."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if text.isascii() and text.isalnum() and len(text) <= 8 else "unknown"
