"""The form, the characters and the strength of an EPPN (eduPersonPrincipalName); who has one is known by `objects`."""

import re
import unicodedata

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_POSSIBLE = re.compile(r"[A-Za-z0-9._+@-]*")
# Letters that have no decomposition but are written with their neighbour in a user name.
_PLAIN = str.maketrans({"ø": "o", "æ": "a", "ł": "l", "đ": "d", "ß": "s", "ð": "d", "þ": "t", "ı": "i"})


def is_well_formed(eppn: str) -> bool:
    """Tells whether an EPPN has exactly one @ with something on both sides, and no white space."""
    local, _, domain = eppn.partition("@")
    return bool(local) and bool(domain) and "@" not in domain and not any(letter.isspace() for letter in eppn)


def is_possible(eppn: str) -> bool:
    """Tells whether an EPPN has only characters that a login can have: a login with others can never be typed."""
    return _POSSIBLE.fullmatch(eppn) is not None


def folded(eppn: str) -> str:
    """Gives the form in which two EPPNs are one: in NFC, and without regard to case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", eppn).casefold())


def is_weak(eppn: str, given_name: str, family_name: str) -> bool:
    """Tells whether an EPPN gives its owner away (LogEntry 3047).

    Its local part contains the first three letters of the family name, or the first two of both names. Case does not
    count, and å, ä, ö may also stand as a, a, o. A local part that is a UUID is exempt (inferred): a name such as
    "Bea" has hexadecimal letters only, and chance is no weakness of the form that Skolverket itself recommends.
    """
    local = eppn.partition("@")[0]
    if _UUID.fullmatch(local):
        return False
    given, family = _letters(given_name), _letters(family_name)
    return any(
        _holds(spelt(local), spelt(family), 3)
        or (_holds(spelt(local), spelt(family), 2) and _holds(spelt(local), spelt(given), 2))
        for spelt in (str.lower, _fold)
    )


def _holds(local: str, name: str, letters: int) -> bool:
    return len(name) >= letters and name[:letters] in local


def _letters(name: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFC", name) if letter.isalpha())


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.lower().translate(_PLAIN))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
