"""Rules for the civic number of a person: personnummer, samordningsnummer and temporary (TF) numbers."""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found
from app.domain.rules.given import Given
from app.domain.rules.parts import Item, field, text

_AT: Final = "/civicNo/value"

_FORM = re.compile(r"[0-9]{8}(?:TF[0-9]{2}|[0-9]{4})")
# What is added to the day of a samordningsnummer.
_COORDINATION: Final = 60
# Of two digits in a row the first counts twice (modulus 10): the digits of its double are added, and the second.
_OF_PAIR: Final = {f"{one}{two}": sum(divmod(2 * one, 10)) + two for one in range(10) for two in range(10)}


def form(person: Item, given: Given) -> Iterator[Issue]:
    """A civic number has twelve digits, or eight, TF and two more."""
    if _fault(person, given) == "form":
        yield Issue("civic_no_form", pointer=_AT)


def calendar(person: Item, given: Given) -> Iterator[Issue]:
    """The date in a civic number is in the calendar, and not to come."""
    if _fault(person, given) == "date":
        yield Issue("civic_no_date", pointer=_AT)


def check_digit(person: Item, given: Given) -> Iterator[Issue]:
    """The last digit of a personnummer is the check digit of those after the century."""
    if _fault(person, given) == "check digit":
        yield Issue("civic_no_check_digit", pointer=_AT)


def coordination_check_digit(person: Item, given: Given) -> Iterator[Issue]:
    """So it is in a samordningsnummer; but the target has published one where it isn't."""
    if _fault(person, given) == "coordination check digit":
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


def _fault(person: Item, given: Given) -> str | None:
    """Gives the first thing that is wrong with a civic number: its form, else its date, else its check digit."""
    value = text(field(person.get("civicNo"), "value"))
    return None if value is None else _fault_of(value, given.today)


# Four rules ask in turn for the same number.
@lru_cache(maxsize=1)
def _fault_of(value: str, today: date) -> str | None:
    if _FORM.fullmatch(value) is None:
        return "form"
    is_temporary = value[8] == "T"
    day = int(value[6:8])
    is_coordination = not is_temporary and day > _COORDINATION
    try:
        born = date(int(value[:4]), int(value[4:6]), day - _COORDINATION if is_coordination else day)
    except ValueError:
        return "date"
    if born > today:
        return "date"
    if is_temporary or sum([_OF_PAIR[value[at : at + 2]] for at in (2, 4, 6, 8, 10)]) % 10 == 0:
        return None
    return "coordination check digit" if is_coordination else "check digit"
