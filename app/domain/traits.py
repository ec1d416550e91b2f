"""What of an object is compared between rosters and with what was accepted, without opening any of it again.

Objects may be malformed in any way: every function takes any JSON value anywhere and raises nothing.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.texts import without_trouble

# From the weakest to the strongest. One that is none of these is taken for the first that protects.
_MARKINGS: Final = {"Ingen": 0, "Sekretessmarkering": 1, "Skyddad folkbokföring": 2}
_UNREADABLE: Final = 1


@dataclass(frozen=True, slots=True)
class Traits:
    """How strongly an object is protected, and its EPPN, civic number and name, each in the form that is compared."""

    marking: int = 0
    eppn: str | None = field(default=None, repr=False)
    civic_no: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)


def traits(kind: str, item: Any) -> Traits:
    """Gives the traits of an object of that kind; of what is no person only the name, what is missing is None.

    A name has neither middle names nor case: these change, and the person stays.
    """
    if kind != "persons":
        return Traits(name=_folded(_seen(_field(item, "displayName"))))
    names = (_field(item, key) for key in ("givenName", "familyName"))
    return Traits(
        marking=marking(item),
        eppn=folded_eppn(_first(_field(item, "eduPersonPrincipalNames"))),
        civic_no=_folded(_field(_field(item, "civicNo"), "value")),
        name=_folded(" ".join(map(_seen, names))),
    )


def marking(person: Any) -> int:
    """Gives how strongly a person is protected: 0 not at all, 1 by a marking, 2 in the population register too."""
    said = _field(person, "securityMarking")
    if said is None:
        return 0
    return _MARKINGS.get(said, _UNREADABLE) if isinstance(said, str) else _UNREADABLE


def folded_eppn(eppn: object) -> str | None:
    """Gives an EPPN in the form in which two are one: NFC, without case, without space around it; None for no text."""
    return _folded(eppn)


def _folded(text: object) -> str | None:
    """Brings text to the form that is compared; blank text is none."""
    if not isinstance(text, str):
        return None
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return " ".join(folded.split()) or None


def _seen(text: object) -> str:
    """Gives what is seen of a text: what nobody sees is not sent either."""
    return without_trouble(text) if isinstance(text, str) else ""


def _first(values: object) -> object:
    return next((each for each in values if _folded(each)), None) if isinstance(values, list) else None


def _field(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None
