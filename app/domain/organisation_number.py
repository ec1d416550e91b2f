"""Organisation numbers (organisationsnummer): ten digits, the last of which is a check digit."""

import re
from typing import Final

_FORM: Final = re.compile(r"([0-9]{6})-?([0-9]{4})")


def read_number(text: str) -> str:
    """Gives the ten digits of a number, written with or without a hyphen; raises ValueError with what is wrong."""
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise ValueError("an organisation number has ten digits, such as 212000-0001")
    number = form[1] + form[2]
    if _weighed(number) % 10:
        raise ValueError("its check digit, the last one, does not fit the others: one is mistyped, or two are swapped")
    return number


def _weighed(number: str) -> int:
    """Sums the digits up as Luhn does: of every second one, from the first, those of its double."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(number))
    return sum(each // 10 + each % 10 for each in doubled)
