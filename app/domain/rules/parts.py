"""Reads parts of objects that may be malformed in any way: what is not as it should be is not there."""

import re
from collections.abc import Sequence
from typing import Any, Final

Item = dict[str, Any]

# Of one rule about one object, so many at most: whoever has twenty unknown members has a fault in the source.
MOST_ISSUES: Final = 20

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def field(value: object, key: str) -> object:
    """Gives what an object has under `key`; None for what is no object."""
    return value.get(key) if isinstance(value, dict) else None


def entries(item: object, key: str) -> list[Any]:
    """Gives the list that an object has under `key`; an empty one for whatever else is there."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, list) else []


def objects(item: Item, key: str) -> Sequence[tuple[int, Item]]:
    """Gives the objects in the list under `key`, with their places in it."""
    value = item.get(key)
    if not value or not isinstance(value, list):
        return ()
    return [(place, entry) for place, entry in enumerate(value) if isinstance(entry, dict)]


def text(value: object) -> str | None:
    """Gives a text; None for anything else."""
    return value if isinstance(value, str) else None


def id_of(part: object) -> str | None:
    """Gives the id in a reference, in lower case; None when there is none or it is no UUID."""
    value = part.get("id") if isinstance(part, dict) else None
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value) else None


def key_of(part: object) -> bytes:
    """Gives the id in a reference as its 16 bytes; none when it is missing or no UUID."""
    value = part.get("id") if isinstance(part, dict) else None
    return bytes.fromhex(value.replace("-", "")) if isinstance(value, str) and _UUID.fullmatch(value) else b""
