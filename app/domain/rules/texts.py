"""When two logins are the same or look so, and what of a name stands in one."""

import unicodedata
from typing import Final

from app.domain.texts import without_trouble


def folded(value: str) -> str:
    """Gives the form in which logins are compared: NFC, without regard to case."""
    return (
        value.lower()
        if value.isascii()
        else unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())
    )


def seen(value: str) -> str:
    """Gives what a reader sees of a login: folded, without spaces and what is not shown."""
    shown = (one for one in value if not one.isspace() and unicodedata.category(one) not in ("Cc", "Cf"))
    return folded("".join(shown))


def is_blank(value: str) -> bool:
    """Tells whether nothing of a text is seen."""
    return not value or (not value.isalnum() and not without_trouble(value).strip())


def letters(name: str) -> str:
    """Gives the letters of a name alone."""
    return (
        name if name.isascii() and name.isalpha() else "".join(filter(str.isalpha, unicodedata.normalize("NFC", name)))
    )


_PLAIN: Final = str.maketrans({"ø": "o", "æ": "a", "ł": "l", "đ": "d", "ß": "s", "ð": "d", "þ": "t", "ı": "i"})


def plain(name: str) -> str:
    """Gives a text in lower case without the marks on its letters, as names stand in logins: Åsa is asa."""
    lowered = name.lower()
    if lowered.isascii():
        return lowered
    apart = unicodedata.normalize("NFD", lowered.translate(_PLAIN))
    return "".join(one for one in apart if not unicodedata.combining(one))
