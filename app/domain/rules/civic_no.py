"""Rules for the civic number of a person: personnummer, samordningsnummer and temporary (TF) numbers."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found
from app.domain.rules.given import Given
from app.domain.rules.parts import Item, field, text

_AT: Final = "/civicNo/value"

_FORM = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(TF[0-9]{2}|[0-9]{4})")
# What is added to the day of a samordningsnummer.
_COORDINATION: Final = 60
# The sum of the digits of twice a digit.
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def form(person: Item, _: Given) -> Iterator[Issue]:
    """A civic number has twelve digits, or eight, TF and two more."""
    value = _value(person)
    if value is not None and _FORM.fullmatch(value) is None:
        yield Issue("civic_no_form", pointer=_AT)


def calendar(person: Item, given: Given) -> Iterator[Issue]:
    """The date in a civic number is in the calendar, and not to come."""
    value = _value(person)
    if value is not None and _FORM.fullmatch(value):
        born = _born(value)
        if born is None or born > given.today:
            yield Issue("civic_no_date", pointer=_AT)


def check_digit(person: Item, given: Given) -> Iterator[Issue]:
    """The last digit of a personnummer is the check digit of those after the century."""
    value = _value(person)
    if value is not None and _is_wrong(value, given.today) and not _is_coordination(value):
        yield Issue("civic_no_check_digit", pointer=_AT)


def coordination_check_digit(person: Item, given: Given) -> Iterator[Issue]:
    """So it is in a samordningsnummer; but the target has published one where it isn't."""
    value = _value(person)
    if value is not None and _is_wrong(value, given.today) and _is_coordination(value):
        yield Issue("coordination_no_check_digit", "warning", _AT)


def nationality(person: Item, _: Given) -> Iterator[Issue]:
    """A civic number is Swedish."""
    country = text(field(person.get("civicNo"), "nationality"))
    if country is not None and country != "SE":
        yield Issue("civic_no_nationality", "warning", "/civicNo/nationality")


def twice(facts: Facts) -> Iterator[Found]:
    """A civic number is one person's, who may stand in a roster as a pupil and as one of the staff."""
    for position, ids in facts.persons.sharing(facts.persons.civic_nos):
        yield Found("persons", position, Issue("civic_no_twice", "warning", _AT, ids))


def _value(person: Item) -> str | None:
    return text(field(person.get("civicNo"), "value"))


def _born(value: str) -> date | None:
    year, month, day = int(value[:4]), int(value[4:6]), int(value[6:8])
    try:
        return date(year, month, day - _COORDINATION if _is_coordination(value) else day)
    except ValueError:
        return None


def _is_coordination(value: str) -> bool:
    return value[8:10] != "TF" and int(value[6:8]) > _COORDINATION


def _is_wrong(value: str, today: date) -> bool:
    """Tells whether a number with a date that is right has a check digit that isn't (modulus 10, weights 2 and 1)."""
    if _FORM.fullmatch(value) is None or value[8:10] == "TF":
        return False
    born = _born(value)
    if born is None or born > today:
        return False
    once, doubled = value[3::2], value[2::2]
    total = sum(map(int, once)) + sum(_DOUBLED[int(digit)] for digit in doubled)
    return total % 10 != 0
