"""A small checker of JSON shapes: a check looks at one value and adds a finding for each breach.

It owns the vocabulary (text, whole numbers, records, lists); the shapes themselves are in `shapes`. What a shape does
not have breaks nothing: it is noted, and `kept_part` leaves it out.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.simulator.messages import BAD_UUID, NOT_IN_LIST, NOT_KEPT, OUT_OF_RANGE, REQUIRED, WRONG_TYPE, Finding

Check = Callable[[Any, str, list[Finding]], None]

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Addresses as mail servers take them: RFC 5321 in ASCII, without quoted names, address literals and bare host names.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
# RFC 3339 wants date, time and offset; datetime.fromisoformat alone would accept a bare date.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def is_uuid(value: object) -> bool:
    """Tells whether a value is a UUID in its usual spelling, of any version and case."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_moment(value: str) -> bool:
    """Tells whether a text is an RFC 3339 date-time that exists in the calendar."""
    if _MOMENT.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value[:19])  # fractions and offsets are right once the pattern holds
    except ValueError:
        return False
    return True


def text(value: Any, path: str, found: list[Finding]) -> None:
    """Wants a string that has a UTF-8 form: JSON escapes can spell lone surrogates, which have none."""
    if not isinstance(value, str):
        found.append(Finding(WRONG_TYPE, path, value))
    elif not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        found.append(Finding(WRONG_TYPE, path))


def uuid(value: Any, path: str, found: list[Finding]) -> None:
    """Wants a UUID."""
    if not is_uuid(value):
        found.append(Finding(BAD_UUID, path, value))


def boolean(value: Any, path: str, found: list[Finding]) -> None:
    """Wants true or false."""
    if not isinstance(value, bool):
        found.append(Finding(WRONG_TYPE, path, value))


def form(matches: Callable[[str], bool]) -> Check:
    """Makes a check for a string in a format."""

    def check(value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, str) or not matches(value):
            found.append(Finding(WRONG_TYPE, path, value))

    return check


email = form(lambda value: _EMAIL.fullmatch(value) is not None)
moment = form(is_moment)


def whole_number(low: int, high: int) -> Check:
    """Makes a check for an integer from low to high; 8.0 is none to OpenAPI 3.0, and true is none either."""

    def check(value: Any, path: str, found: list[Finding]) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            found.append(Finding(WRONG_TYPE, path, value))
        elif not low <= value <= high:
            found.append(Finding(OUT_OF_RANGE, path, value))

    return check


def one_of(allowed: Collection[str]) -> Check:
    """Makes a check for a string out of a closed list."""

    def check(value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, str) or value not in allowed:
            found.append(Finding(NOT_IN_LIST, path, value))

    return check


@dataclass(frozen=True, slots=True)
class ListOf:
    """Wants a list of such a length whose items pass a check of their own."""

    item: Check
    fewest: int = 0
    most: int | None = None
    unique: bool = False

    def __call__(self, value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, list):
            found.append(Finding(WRONG_TYPE, path, value))
            return
        if len(value) < self.fewest or (self.most is not None and len(value) > self.most):
            found.append(Finding(OUT_OF_RANGE, path, len(value)))
        if self.unique and any(one == other for index, one in enumerate(value) for other in value[:index]):
            found.append(Finding(OUT_OF_RANGE, path, len(value)))
        for index, one in enumerate(value):
            self.item(one, f"{path}[{index}]", found)


@dataclass(frozen=True, slots=True)
class Record:
    """Wants an object with such attributes; null never counts as absent, and what is not in `fields` is noted."""

    fields: Mapping[str, Check]
    required: Collection[str] = ()

    def __call__(self, value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, dict):
            found.append(Finding(WRONG_TYPE, path or "data", value if isinstance(value, str) else None))
            return
        prefix = f"{path}." if path else ""
        found.extend(Finding(REQUIRED, prefix + name) for name in self.required if name not in value)
        for name, attribute in value.items():
            inner = self.fields.get(name)
            if inner is None:
                found.append(Finding(NOT_KEPT, prefix + name))
            else:
                inner(attribute, prefix + name, found)


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """Wants an attribute of Skolverket's own to be well-formed, and notes it: nobody else can set it."""

    check: Check

    def __call__(self, value: Any, path: str, found: list[Finding]) -> None:
        found.append(Finding(NOT_KEPT, path))
        self.check(value, path, found)


def kept_part(check: Check, value: Any) -> Any:
    """Copies a well-formed value without what its shape does not have, and without what is read only."""
    if isinstance(check, ListOf):
        return [kept_part(check.item, one) for one in value]
    if isinstance(check, Record):
        return {
            name: kept_part(check.fields[name], attribute)
            for name, attribute in value.items()
            if name in check.fields and not isinstance(check.fields[name], ReadOnly)
        }
    return value
