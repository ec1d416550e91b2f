"""Texts that people write: the characters in them that nobody sees, and that make trouble where they are typed."""

import re
from typing import Final

# Control and format characters, as a class of a regular expression.
TROUBLE: Final = r"\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"

_TROUBLE = re.compile(f"[{TROUBLE}]")
# Those that part words.
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85]+")


def has_trouble(text: str) -> bool:
    """Tells whether a text has a control or format character."""
    return _TROUBLE.search(text) is not None


def without_trouble(text: str) -> str:
    """Gives a text without its control and format characters; tabs and line breaks become a space."""
    return _TROUBLE.sub("", _BREAKS.sub(" ", text))


def has_utf8_form(text: str) -> bool:
    """Tells whether a text can be written as UTF-8: one with half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
