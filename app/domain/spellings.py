"""Ids in whatever spelling: for where nobody may be overlooked.

What is sent, compared and shown has the usual spelling alone (`roster.uuid_of`). Here only the 32 digits count:
`{…}`, `urn:uuid:…`, no hyphens, other hyphens, full-width digits, and characters that nobody sees make no difference.
"""

import re
import unicodedata
from collections.abc import Set
from typing import Any, Final
from uuid import UUID

_BETWEEN: Final = re.compile("[^0-9a-z]+")
_ENDS_WITH_ID: Final = re.compile("[0-9a-f]{32}$")


def spelt_id(value: object) -> UUID | None:
    """Reads the id with which a text ends, however it is spelt; None for what is no text or ends with none."""
    found = _ENDS_WITH_ID.search(_plain(value)) if isinstance(value, str) else None
    return None if found is None else UUID(found[0])


def speaks_of(value: Any, ids: Set[UUID]) -> bool:
    """Tells whether one of these `ids` stands anywhere in a JSON value, names of properties included."""
    if isinstance(value, dict):
        return any(speaks_of(key, ids) or speaks_of(part, ids) for key, part in value.items())
    if isinstance(value, list):
        return any(speaks_of(part, ids) for part in value)
    if not isinstance(value, str) or len(value) < 32:
        return False
    text = _plain(value)
    return any(each.hex in text for each in ids)


def _plain(text: str) -> str:
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text).lower())
