"""What fits into one bulk call: bytes of compact JSON, counted before they leave."""

import json
from collections.abc import Sequence
from typing import Any

# Provisioning API 1.3.0's changelog says 200 KB a call; counted as 200,000 bytes of UTF-8.
MAX_BYTES = 200_000

_HEAD, _COMMA, _TAIL = b'{"data":[', b",", b"]}"


def encode(item: dict[str, Any]) -> bytes:
    """Writes one object as it goes out: compact, UTF-8, non-ASCII unescaped, keys in their order."""
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def body(items: Sequence[bytes]) -> bytes:
    """Joins encoded objects into the body of a bulk call."""
    return _HEAD + _COMMA.join(items) + _TAIL


def size(lengths: Sequence[int]) -> int:
    """Gives the length of the body that objects of these lengths would make, in bytes."""
    return len(_HEAD) + sum(lengths) + max(0, len(lengths) - 1) * len(_COMMA) + len(_TAIL)


class Packing:
    """One batch as it fills: takes encoded objects until the next one no longer fits."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = size(())
        self._most: int | None = None
        self.items: list[bytes] = []

    def take(self, item: bytes, max_together: int | None = None) -> bool:
        """Adds an object if it fits, and if neither it nor those before must be among fewer; tells whether it did.

        Objects with different limits never share a batch, so that a refused batch is halved by itself.
        """
        grown = self._bytes + len(item) + (len(_COMMA) if self.items else 0)
        if grown > self._max_bytes:
            return False
        if self.items and (max_together != self._most or len(self.items) >= (max_together or grown)):
            return False
        self._most, self._bytes = max_together, grown
        self.items.append(item)
        return True

    def body(self) -> bytes:
        """Gives the bytes to send."""
        return body(self.items)


def too_large(item: bytes, max_bytes: int = MAX_BYTES) -> bool:
    """Tells whether an object can't be sent even alone."""
    return size((len(item),)) > max_bytes


def halved(together: int) -> int | None:
    """Gives how many of a refused batch's objects may go together next; None when it was one alone."""
    return (together + 1) // 2 if together > 1 else None
