"""What fits into one sending call: bytes of compact JSON, counted before they leave."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Made once: to make one takes longer than to write an object.
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(item: dict[str, Any]) -> bytes:
    """Writes one object as it goes out: compact, UTF-8, non-ASCII unescaped, keys in their order."""
    return _written(item).encode("utf-8")


@dataclass(frozen=True, slots=True)
class BodyForm:
    """How a target's sending call is put together of encoded objects, and the most bytes that it may have."""

    head: bytes
    separator: bytes
    tail: bytes
    max_bytes: int

    def body(self, items: Sequence[bytes]) -> bytes:
        """Joins encoded objects into a body."""
        return self.head + self.separator.join(items) + self.tail

    def size(self, lengths: Sequence[int]) -> int:
        """Gives the length of the body that objects of these lengths would make, in bytes."""
        return len(self.head) + sum(lengths) + max(0, len(lengths) - 1) * len(self.separator) + len(self.tail)

    def fits(self, item: bytes) -> bool:
        """Tells whether an object can be sent at all, were it alone."""
        return self.size((len(item),)) <= self.max_bytes


class Packing:
    """One batch as it fills: takes encoded objects until the next one no longer fits."""

    def __init__(self, form: BodyForm) -> None:
        self._form = form
        self._bytes = form.size(())
        self._most: int | None = None
        self.items: list[bytes] = []

    def take(self, item: bytes, max_together: int | None = None) -> bool:
        """Adds an object if it fits, and if neither it nor those before must be among fewer; tells whether it did.

        Objects with different limits never share a batch, so that a refused batch is halved by itself.
        """
        grown = self._bytes + len(item) + (len(self._form.separator) if self.items else 0)
        if grown > self._form.max_bytes:
            return False
        if self.items and (max_together != self._most or len(self.items) >= (max_together or grown)):
            return False
        self._most, self._bytes = max_together, grown
        self.items.append(item)
        return True

    def body(self) -> bytes:
        """Gives the bytes to send."""
        return self._form.body(self.items)


class CallCount:
    """Counts the calls that objects would take, put together as a Packing does, from nothing but their lengths."""

    def __init__(self, form: BodyForm) -> None:
        self._form = form
        self._bytes = 0
        self.calls = 0

    def add(self, length: int) -> None:
        """Counts an object of this length in bytes, which fits into a call when it is alone."""
        grown = self._bytes + len(self._form.separator) + length
        if self.calls == 0 or grown > self._form.max_bytes:
            self.calls += 1
            grown = self._form.size((length,))
        self._bytes = grown
