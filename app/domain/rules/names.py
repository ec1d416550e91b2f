"""Rules for the texts by which people know an object."""

from collections.abc import Iterator
from typing import Final

from app.domain.issues import Issue
from app.domain.rules.given import Given
from app.domain.rules.parts import Item
from app.domain.rules.texts import is_blank

LONGEST: Final = 255


def blank(person: Item, _: Given) -> Iterator[Issue]:
    """A person has a given name and a family name in which something is seen."""
    for key in ("givenName", "familyName"):
        name = person.get(key)
        if isinstance(name, str) and is_blank(name):
            yield Issue("name_blank", pointer=f"/{key}")


def long(item: Item, _: Given) -> Iterator[Issue]:
    """A name has 255 characters at most."""
    for key in ("givenName", "middleName", "familyName", "displayName"):
        name = item.get(key)
        if isinstance(name, str) and len(name) > LONGEST:
            yield Issue("name_long", "warning", f"/{key}")
