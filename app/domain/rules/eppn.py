"""Rules for the login of a person (EPPN, eduPersonPrincipalName)."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found
from app.domain.rules.given import Given
from app.domain.rules.parts import MOST_ISSUES, Item, field, objects, text
from app.domain.rules.texts import folded, letters, plain

_AT: Final = "/eduPersonPrincipalNames"
_FIRST: Final = f"{_AT}/0"

_FORM = re.compile(r"[^@]+@[^@]+")
_LOCAL_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:@|$)", re.IGNORECASE)
_BETWEEN_DIGITS: Final = str.maketrans("", "", "-+.")


def missing(person: Item, _: Given) -> Iterator[Issue]:
    """A person has an EPPN: an empty list is none."""
    if person.get("eduPersonPrincipalNames") == []:
        yield Issue("eppn_missing", pointer=_AT)


def form(person: Item, _: Given) -> Iterator[Issue]:
    """An EPPN has one @ with something on both sides."""
    if (eppn := _eppn(person)) is not None and _FORM.fullmatch(eppn) is None:
        yield Issue("eppn_form", pointer=_FIRST)


def weak(person: Item, _: Given) -> Iterator[Issue]:
    """The part before the @ says nothing of the name.

    That is neither the first three letters of the family name, nor the first two of both names, in any case and with or
    without the marks on letters. A UUID is no name, whatever letters it happens to have.
    """
    eppn = _eppn(person)
    if eppn is None or _LOCAL_UUID.match(eppn):
        return
    given, family = text(person.get("givenName")), text(person.get("familyName"))
    if given is None or family is None:
        return
    local = eppn.partition("@")[0]
    given, family = letters(given), letters(family)
    if any(_begins(spelt(local), spelt(given), spelt(family)) for spelt in (str.lower, plain)):
        yield Issue("eppn_weak", "warning", _FIRST)


def has_civic_no(person: Item, _: Given) -> Iterator[Issue]:
    """An EPPN does not contain the civic number, with or without the century."""
    eppn, number = _eppn(person), text(field(person.get("civicNo"), "value"))
    if eppn is None or number is None or len(number) < 12:
        return
    local = eppn.partition("@")[0]
    # Of most numbers there are not even the last four digits.
    if number[-4:] in local and _digits(number)[-10:] in _digits(local):
        yield Issue("eppn_civic_no", "warning", _FIRST)


def is_email(person: Item, _: Given) -> Iterator[Issue]:
    """An EPPN is none of the person's e-mail addresses."""
    eppn = _eppn(person)
    if not eppn:
        return
    addresses = [text(email.get("value")) for _place, email in objects(person, "emails")]
    if addresses and folded(eppn) in [folded(address) for address in addresses if address]:
        yield Issue("eppn_is_email", "warning", _FIRST)


def domain(person: Item, given: Given) -> Iterator[Issue]:
    """The domain of an EPPN is one that the organisation has declared, if it has declared any."""
    if not given.domains or (eppn := _eppn(person)) is None or _FORM.fullmatch(eppn) is None:
        return
    if folded(eppn.partition("@")[2]) not in given.domains:
        yield Issue("eppn_domain", "warning", _FIRST)


def twice(facts: Facts) -> Iterator[Found]:
    """No two persons have the same EPPN; case and composed letters make no difference."""
    for position, ids in facts.persons.sharing(facts.persons.eppns):
        yield Found("persons", position, Issue("eppn_twice", pointer=_FIRST, ids=ids))


def look_alike(facts: Facts) -> Iterator[Found]:
    """An EPPN with characters that nobody sees does not look like another person's."""
    persons = facts.persons
    if not persons.looks:
        return
    alike: dict[int, list[int]] = {look: [] for look in persons.looks.values()}
    for position, eppn in enumerate(persons.eppns):
        look = persons.looks.get(position, eppn)
        if look in alike:
            alike[look].append(position)
    for positions in alike.values():
        for position in positions:
            others = (other for other in positions if persons.eppns[other] != persons.eppns[position])
            if ids := tuple(persons.id(other) for other in islice(others, MOST_ISSUES)):
                yield Found("persons", position, Issue("eppn_look_alike", "warning", _FIRST, ids))


def _eppn(person: Item) -> str | None:
    """Gives the one EPPN; of none and of several the schema and `missing` speak."""
    listed = person.get("eduPersonPrincipalNames")
    return text(listed[0]) if isinstance(listed, list) and len(listed) == 1 else None


def _digits(value: str) -> str:
    return value.translate(_BETWEEN_DIGITS)


def _begins(local: str, given: str, family: str) -> bool:
    if len(family) >= 3 and family[:3] in local:
        return True
    return min(len(given), len(family)) >= 2 and family[:2] in local and given[:2] in local
