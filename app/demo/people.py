"""Invents people one by one: birth number, login, e-mail, marking. No birth number, login or address comes twice."""

import calendar
import math
import random
from typing import Any

from app.demo.names import FAMILIES, MEN, WOMEN, letters, login_name, random_id

Item = dict[str, Any]

_RESERVED_SERIALS = 10  # a date and a sex: every second one of 980-999


class People:
    """The persons of one organiser so far, and the source of chance for the next one."""

    def __init__(self, rng: random.Random, domain: str) -> None:
        self.persons: list[Item] = []
        self._rng = rng
        self._domain = domain
        self._numbers = BirthNumbers(rng)
        self._addresses: dict[str, int] = {}

    def pupil(self, born: int, enrolment: Item) -> str:
        """Adds a pupil and gives the id; three of five have an e-mail address."""
        person = self._person(born)
        if self._rng.random() < 0.6:
            person["emails"] = [self._email(person, f"elev.{self._domain}", "Skola elev")]
        person["enrolments"] = [enrolment]
        return str(person["id"])

    def employee(self, born: int) -> str:
        """Adds one of the staff and gives the id; a few have an eduID besides the organiser's own login."""
        person = self._person(born)
        person["emails"] = [self._email(person, self._domain, "Skola personal")]
        if self._rng.random() < 0.04:
            name = "-".join("".join(map(self._rng.choice, ("bdfglmnprstv", "aiou") * 2)) for _ in range(2))
            identifier = {"value": f"{name}@eduid.se", "context": "https://eduid.se", "globallyUnique": True}
            person["externalIdentifiers"] = [identifier]
        return str(person["id"])

    def _person(self, born: int) -> Item:
        rng, chance = self._rng, self._rng.random
        male = chance() < 0.5
        firsts = MEN if male else WOMEN
        given = rng.choice(firsts) if chance() < 0.9 else " ".join(rng.sample(firsts, 2))
        family = rng.choice(FAMILIES)
        if chance() < 0.06 and not set(family) & set(" -"):
            family = f"{family}-{rng.choice(FAMILIES[:27])}"
        deal = self._numbers.personnummer
        if (draw := chance()) < 0.03:
            deal = self._numbers.temporary if draw < 0.01 else self._numbers.samordningsnummer
        person: Item = {
            "id": random_id(rng),
            "givenName": given,
            "familyName": family,
            "eduPersonPrincipalNames": [login_name(rng, given, family, f"edu.{self._domain}")],
            "civicNo": {"value": deal(born, male), "nationality": "SE"},
        }
        if chance() < 0.15:
            person["middleName"] = rng.choice(FAMILIES)
        if chance() < 0.005:
            person["securityMarking"] = rng.choice(("Sekretessmarkering", "Skyddad folkbokföring"))
        elif chance() < 0.6:
            person["securityMarking"] = "Ingen"
        self.persons.append(person)
        return person

    def _email(self, person: Item, domain: str, kind: str) -> Item:
        address = f"{letters(person['givenName'])}.{letters(person['familyName'])}@{domain}"
        nth = self._addresses[address] = self._addresses.get(address, 0) + 1
        return {"value": address if nth == 1 else address.replace("@", f"{nth}@"), "type": kind}


def check_digit(nine: str) -> str:
    """Computes the tenth digit of a birth number (YYMMDDNNN, Luhn, as in Skatteverket's SKV 704)."""
    total = sum(int(digit) for digit in nine[1::2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in nine[0::2])
    return str(-total % 10)


def with_check_digit(eleven: str) -> str:
    """Completes YYYYMMDDNNN to the twelve digits of a birth number."""
    return eleven + check_digit(eleven[2:])


class BirthNumbers:
    """Deals out birth numbers, each once, with the serials 980-999 that Skatteverket keeps for tests.

    Dates spread over the whole year. A year that is used up is followed by the ones around it.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._decks: dict[tuple[str, int, int], _Deck] = {}

    def personnummer(self, year: int, male: bool) -> str:
        """Deals a personnummer of somebody born in the year."""
        born, nth = self._deal("serial", year, male, _RESERVED_SERIALS)
        return with_check_digit(f"{born}{_serial(nth, male)}")

    def samordningsnummer(self, year: int, male: bool) -> str:
        """Deals a samordningsnummer: the day plus 60, the rest as in a personnummer."""
        born, nth = self._deal("serial", year, male, _RESERVED_SERIALS)
        return with_check_digit(f"{born[:6]}{int(born[6:]) + 60}{_serial(nth, male)}")

    def temporary(self, year: int, male: bool) -> str:
        """Deals a temporary number YYYYMMDDTFnn, its second last digit even for a woman and odd for a man."""
        born, nth = self._deal("TF", year, male, 50)
        tens, units = divmod(nth, 10)
        return f"{born}TF{2 * tens + male}{units}"

    def _deal(self, series: str, year: int, male: bool, per_day: int) -> tuple[str, int]:
        for away in (0, 1, -1, 2, -2):
            key = (series, year + away, int(male))
            deck = self._decks.get(key)
            if deck is None:
                deck = self._decks[key] = _Deck(self._rng, year + away, per_day)
            if (card := deck.next()) is not None:
                return card
        raise ValueError(f"no birth numbers are left around the year {year}")


class _Deck:
    """All places of one year, in an order that jumps about and comes to each exactly once."""

    def __init__(self, rng: random.Random, year: int, per_day: int) -> None:
        self._days = [
            f"{year}{month:02}{day:02}"
            for month in range(1, 13)
            for day in range(1, calendar.monthrange(year, month)[1] + 1)
        ]
        self._per_day = per_day
        self._size = len(self._days) * per_day
        self._place = rng.randrange(self._size)
        # A step without a common factor with the size visits every place before it comes back.
        self._step = next(
            step for step in iter(lambda: rng.randrange(1, self._size), 0) if math.gcd(step, self._size) == 1
        )
        self._left = self._size

    def next(self) -> tuple[str, int] | None:
        if not self._left:
            return None
        self._left -= 1
        self._place = (self._place + self._step) % self._size
        day, nth = divmod(self._place, self._per_day)
        return self._days[day], nth


def _serial(nth: int, male: bool) -> int:
    return 980 + 2 * nth + male
