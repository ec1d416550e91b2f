"""Swedish civic numbers: personnummer, samordningsnummer and temporary (TF) numbers, decided without I/O."""

import re
from collections.abc import Iterator
from datetime import date

from app.simulator.messages import CIVIC_CHECK_DIGIT, CIVIC_DATE, CIVIC_FORM, Finding

_FORM = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(TF[0-9]{2}|[0-9]{4})")
_LEAST_INVENTED = 980  # of the birth number; Skatteverket's test numbers go from here to 999
_COORDINATION = 60  # added to the day of a samordningsnummer


def luhn_holds(digits: str) -> bool:
    """Tells whether the last digit is the check digit of those before it (modulus 10, weights 2 1 from the right)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_invented(value: str) -> bool:
    """Tells whether a number counts as invented here: its birth number is one of 980 to 999, which nobody has."""
    match = _FORM.fullmatch(value)
    return match is not None and not match[4].startswith("TF") and int(match[4][:3]) >= _LEAST_INVENTED


def civic_findings(value: str, today: date) -> Iterator[Finding]:
    """Yields what Skolverket refuses about a civic number: its form, its date, a personnummer's check digit.

    A samordningsnummer's check digit is let pass, since the published example has a wrong one; the sex digit of a TF
    number has nothing to be held against. A day that has not come yet is refused (inferred).
    """
    match = _FORM.fullmatch(value)
    if match is None:
        yield Finding(CIVIC_FORM, "civicNo.value", value)
        return
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    temporary = match[4].startswith("TF")
    coordination = not temporary and day > _COORDINATION
    try:
        born = date(year, month, day - _COORDINATION if coordination else day)
    except ValueError:
        born = None
    if born is None or born > today:
        yield Finding(CIVIC_DATE, "Personnummer", value)
    elif not temporary and not coordination and not luhn_holds(value[2:]):
        yield Finding(CIVIC_CHECK_DIGIT, "Personnummer", value)
