"""Opaque cursors: where a page ended, bound to the list and the filters that it was made for."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from app.api.http.problems import BadRequest, CursorMismatch

OF_ANOTHER_LIST = "It was made for another list or other filters. Use it with those, or begin without one."

_DIGEST = re.compile("[0-9a-f]{16}")
_T = TypeVar("_T")
Row = TypeVar("Row")
Key = tuple[Any, ...]


def write(key: Key, *listed: Any) -> str:
    """Makes the cursor for a row's sort key; `listed` names the list: its route, its path ids, its filters."""
    text = json.dumps([_digest(listed), *key], default=_plain, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")


def read(cursor: str | None, kinds: Sequence[Callable[[Any], Any]], *listed: Any, name: str = "cursor") -> Key | None:
    """Reads a cursor's key, a part for each of `kinds`; raises BadRequest for any but our own of this very list.

    An empty one is none: whoever fills in an address may have nothing to put there. `name` is the parameter's.
    """
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        digest, *key = parts if isinstance(parts, list) and parts else (None,)
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise ValueError
        if digest != _digest(listed):
            # Before its parts are read: those of another list are of other kinds.
            raise CursorMismatch(f"query {name}: {OF_ANOTHER_LIST}")
        return tuple(kind(part) for kind, part in zip(kinds, key, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise BadRequest(
            f"query {name}: This is no cursor of ours. Use the `next_cursor` of a page, or begin without one."
        ) from None


def page(rows: Sequence[Row], limit: int, key: Callable[[Row], Key], *listed: Any) -> tuple[Sequence[Row], str | None]:
    """Cuts rows that were read with one to spare, and gives the cursor of the next page if there is one."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write(key(rows[limit - 1]), *listed)


def cut(
    rows: Sequence[Row], limit: int, after: Key | None, key: Callable[[Row], Key], *listed: Any
) -> tuple[Sequence[Row], str | None]:
    """Cuts a page of a list that was read whole, in the order of its `key`: what stands behind `after`."""
    return page([row for row in rows if after is None or key(row) > after], limit, key, *listed)


def sift(
    rows: Sequence[Row],
    limit: int,
    most: int,
    opened: Callable[[Row], _T | None],
    key: Callable[[Row], Key],
    *listed: Any,
) -> tuple[list[_T], str | None]:
    """Opens candidates in their order until `limit` were some, and gives these with the cursor of the next page.

    `opened` gives None for one that is none. When `rows` are as many as were asked for, `most`, the next page goes on
    behind the last of them, however few were found.
    """
    found: list[_T] = []
    last: Row | None = None
    for row in rows:
        if (shown := opened(row)) is None:
            continue
        if last is not None and len(found) == limit:
            return found, write(key(last), *listed)
        found.append(shown)
        last = row
    return found, write(key(rows[-1]), *listed) if len(rows) == most else None


def number(part: Any) -> int:
    """Reads an integer that fits a column."""
    if type(part) is not int or not 0 <= part < 2**31:
        raise ValueError
    return part


def text(part: Any) -> str:
    """Reads a short text."""
    if not isinstance(part, str) or len(part) > 40 or not part.isprintable():
        raise ValueError
    return part


def moment(part: Any) -> datetime:
    """Reads a time with its offset."""
    time = datetime.fromisoformat(part)
    if time.tzinfo is None:
        raise ValueError
    return time


def moment_if_any(part: Any) -> datetime | None:
    """Reads a time with its offset, or null."""
    return None if part is None else moment(part)


def uuid(part: Any) -> UUID:
    """Reads an id."""
    return UUID(part)


def _digest(listed: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(listed, default=_plain).encode()).hexdigest()[:16]


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
