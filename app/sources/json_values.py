"""Reads JSON values, one at a time, out of bytes that arrive in chunks, without ever holding the whole.

It knows no field: which values are read, and where, is its subclass's affair.
"""

import codecs
import gc
import json
import math
import re
from abc import ABC, abstractmethod
from array import array
from collections.abc import Generator
from contextlib import suppress
from itertools import accumulate
from typing import Any, Final, NoReturn, TypeVar

MOST_LEVELS: Final = 100  # far below where Python's and other servers' parsers give up
MOST_DIGITS: Final = 4300  # Python's own limit for integers from text
MOST_BYTES: Final = 1024 * 1024  # of one value, as it came; to decode so much takes some 50 ms at worst

_NEAR_THE_END: Final = 16  # a literal, an escape or a number's tail that the chunk cut is shorter than this
_NO_SPACE = re.compile(r"[^ \t\n\r]")
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# An opening sign is a step up, a closing one a step down; all else is left out.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_SIGNS = bytes(set(range(256)) - set(b"[{]}"))
_END_OF_SCALAR = re.compile(r"[ \t\n\r,\]}]")

_T = TypeVar("_T")
Reading = Generator[None, None, _T]  # it pauses where more text is needed


class JsonText(ABC):
    """The text that has arrived and not been read, and where in it the parser stands.

    Time is linear in the text's length, memory is that of the largest value and a chunk. No value may have more than
    1 MiB, white space within it included: one that has not ended by then is not waited for.
    """

    def __init__(self) -> None:
        self._text = ""
        self._at = 0  # where in the text the parser stands
        self._before = 0  # characters of the body that the text no longer holds
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._arrived: list[str] = []
        self._arrived_size = 0
        self._wanted = 1  # bytes that must arrive before the parser goes on; 0 while it works
        self._ended = False
        self._bad_number = False
        self._doubled = False  # whether the value that was read last has a key twice, somewhere in it
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
        )
        self._decode = decoder.raw_decode

    @abstractmethod
    def _refuse(self, pointer: str, code: str, **values: object) -> NoReturn:
        """Ends the reading for what is wrong at `pointer`; `values` are what the code's text names."""

    def _arrive(self, chunk: bytes, *, last: bool) -> None:
        text: str | None = None
        with suppress(UnicodeDecodeError):
            text = self._utf8.decode(chunk, last)
        # Python's errors hold the text that they are about: a refusal raised in their handler would carry it along.
        if text is None:
            self._refuse("", "not_utf8")
        self._arrived.append(text)
        self._arrived_size += len(chunk)
        self._ended = last

    def _must_wait(self) -> bool:
        """Tells whether less has arrived than the parser wants; if not, what has arrived is joined to the rest."""
        if self._wanted:
            if self._arrived_size < self._wanted and not self._ended:
                return True
            self._before += self._at
            self._text = self._text[self._at :] + "".join(self._arrived)
            self._at = self._wanted = self._arrived_size = 0
            self._arrived.clear()
        return False

    def _next(self, *, may_end: bool = False) -> Reading[str]:
        """Passes white space and gives the character that follows, without passing it; "" at the body's end."""
        while True:
            found = _NO_SPACE.search(self._text, self._at)
            if found is not None:
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            if self._ended and not self._arrived_size:
                if may_end:
                    return ""
                self._not_json("")
            yield from self._more()

    def _value(self, pointer: str) -> Reading[Any]:
        """Reads one whole JSON value and passes it; `_doubled` says whether an object in it has a key twice."""
        while True:
            text, at = self._text, self._at
            ended = self._ended and not self._arrived_size
            # A number that a chunk cuts looks like a shorter number.
            if text[at] in "-0123456789" and not ended and _END_OF_SCALAR.search(text, at) is None:
                yield from self._more_of_value(pointer)
                continue
            self._bad_number = self._doubled = False
            value, end, broken_at, cut = None, at, -1, False
            try:
                with _without_collecting:
                    value, end = self._decode(text, at)
            except json.JSONDecodeError as error:
                broken_at = error.pos
                cut = error.msg.startswith("Unterminated string") or broken_at >= len(text) - _NEAR_THE_END
            except RecursionError:
                pass  # the end has not moved
            if cut and not ended:
                yield from self._more_of_value(pointer)
                continue
            if self._exceeds(max(end, broken_at)):
                self._refuse(pointer, "value_too_large", most=MOST_BYTES)
            if broken_at >= 0:
                self._not_json(pointer, broken_at)
            if self._bad_number:
                self._refuse(pointer, "bad_number")
            if end == at or self._is_too_deep(end):
                self._refuse(pointer, "too_deep", most=MOST_LEVELS)
            self._at = end
            return value

    def _is_too_deep(self, end: int) -> bool:
        text, at = self._text, self._at
        # So few opening signs can't be too many.
        opened = text.count("{", at, end) + text.count("[", at, end)
        return opened > MOST_LEVELS and _levels(text[at:end]) > MOST_LEVELS

    def _exceeds(self, end: int) -> bool:
        """Tells whether what stands between the parser and `end` has more bytes than a value may have."""
        # A character has four bytes at most.
        return 4 * (end - self._at) > MOST_BYTES and self._bytes(end) > MOST_BYTES

    def _bytes(self, end: int) -> int:
        return end - self._at if self._text.isascii() else len(self._text[self._at : end].encode())

    def _more(self) -> Reading[None]:
        self._wanted = 1
        yield None

    def _more_of_value(self, pointer: str) -> Reading[None]:
        """Waits until what is left has grown fourfold: the tries at one long value cost linear time in all."""
        if self._exceeds(len(self._text)):
            self._refuse(pointer, "value_too_large", most=MOST_BYTES)
        left = self._bytes(len(self._text))
        self._wanted = min(3 * left, MOST_BYTES - left) + 1
        yield None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        self._doubled |= len(made) != len(pairs)
        return made

    # The three below note a bad number instead of raising: a number that a chunk cuts may turn out well.

    def _constant(self, _: str) -> None:
        self._bad_number = True

    def _float(self, digits: str) -> float:
        number = float(digits)
        self._bad_number |= math.isinf(number)
        return number

    def _int(self, digits: str) -> int:
        if len(digits) > MOST_DIGITS and len(digits.lstrip("-")) > MOST_DIGITS:
            self._bad_number = True
            return 0
        return int(digits)

    def _not_json(self, pointer: str, at: int | None = None) -> NoReturn:
        place = self._before + (self._at if at is None else at)
        self._refuse(pointer, "not_json", place=place)


class _WithoutCollecting:
    """Looks for no garbage meanwhile: there is none in what is read, and to look takes longer than to read it."""

    def __enter__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_enabled:
            gc.enable()


_without_collecting = _WithoutCollecting()


def _levels(text: str) -> int:
    """Counts how deep objects and lists are nested in a JSON value: to walk through the value itself takes longer."""
    signs = _TEXT.sub("", text).encode().translate(_STEPS, _NO_SIGNS)
    return max(accumulate(array("b", signs)), default=0)
