"""Reads the body of `PUT /activities/{id}` as it arrives, one object at a time, without ever holding it whole.

It owns the envelope (which fields, which lists, whose ids) and refuses a body whole, with JSON pointers. It looks into
no object beyond its id: what is wrong in there is a finding, and keeps nobody else out.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final, NamedTuple, NoReturn, TypeVar
from uuid import UUID

from app.domain.roster import uuid_of

STAGES: Final = ("persons", "duties", "groups", "activities")
MOST_PROBLEMS: Final = 100
LONGEST_NAME: Final = 255
MOST_LEVELS: Final = 100  # far below where Python's and other servers' parsers give up
MOST_DIGITS: Final = 4300  # Python's own limit for integers from text

_NEAR_THE_END: Final = 16  # a literal, an escape or a number's tail that the chunk cut is shorter than this
_NO_SPACE = re.compile(r"[^ \t\n\r]")
_END_OF_SCALAR = re.compile(r"[ \t\n\r,\]}]")


class Item(NamedTuple):
    """One object of a list; `ordinal` is its place in the list, from 0."""

    stage: str
    ordinal: int
    id: UUID
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a body is refused: a JSON pointer into it, a code, a sentence that repeats nothing of it."""

    pointer: str
    code: str
    detail: str


_T = TypeVar("_T")
Parser = Generator[Item | None, None, _T]  # None: more text is needed


class RosterRefused(Exception):
    """The body is not taken, and nothing of it may be stored."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(", ".join(sorted({problem.code for problem in problems})))
        self.problems = problems


class RosterReader:
    """Takes a body in chunks of any size and gives its objects as soon as they are complete.

    The iterators of `feed` and `close` do the reading, and may raise: exhaust each before the next call. Objects come
    in the order of the body; after a first problem no more come, and the rest is only checked. Time is linear in the
    body's length, memory is that of the largest object and a chunk.
    """

    def __init__(self) -> None:
        self.display_name: str | None = None
        self.counts: dict[str, int] = dict.fromkeys(STAGES, 0)
        self._problems: list[Problem] = []
        self._refused: RosterRefused | None = None
        self._text = ""
        self._at = 0  # where in the text the parser stands
        self._before = 0  # characters of the body that the text no longer holds
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._arrived: list[str] = []
        self._arrived_size = 0
        self._wanted = 1  # characters that must arrive before the parser goes on; 0 while it works
        self._ended = False
        self._bad_number = False
        decoder = json.JSONDecoder(parse_constant=self._constant, parse_float=self._float, parse_int=self._int)
        self._decode = decoder.raw_decode
        self._parser = self._body()

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """Takes the next bytes and gives the objects that they complete; raises RosterRefused."""
        self._take(chunk, last=False)
        return self._items()

    def close(self) -> Iterator[Item]:
        """Ends the body and gives the last objects; raises RosterRefused when anything in the body was wrong."""
        self._take(b"", last=True)
        return self._items()

    def _take(self, chunk: bytes, *, last: bool) -> None:
        if self._refused is not None:
            raise self._refused
        text: str | None = None
        with suppress(UnicodeDecodeError):
            text = self._utf8.decode(chunk, last)
        # Python's errors hold the text that they are about: a refusal raised in their handler would carry it along.
        if text is None:
            self._refuse("", "not_utf8", "The body is not UTF-8.")
        self._arrived.append(text)
        self._arrived_size += len(text)
        self._ended = last

    def _items(self) -> Iterator[Item]:
        while True:
            if self._wanted:
                if self._arrived_size < self._wanted and not self._ended:
                    return
                self._join()
            for step in self._parser:
                if step is None:
                    break
                yield step
            else:
                return

    def _join(self) -> None:
        self._before += self._at
        self._text = self._text[self._at :] + "".join(self._arrived)
        self._at = self._wanted = self._arrived_size = 0
        self._arrived.clear()

    # The parser is one generator: it yields None when it needs more text, and an Item when it has one.

    def _body(self) -> Parser[None]:
        first = yield from self._next()
        if first == "\ufeff":
            self._refuse("", "byte_order_mark", "The body begins with a byte order mark; send UTF-8 without one.")
        seen = yield from self._fields("", {"display_name": self._display_name, "roster": self._roster})
        if (yield from self._next(may_end=True)) != "":
            self._refuse("", "trailing_content", "Something follows the closing brace of the body.")
        for name in sorted({"display_name", "roster"} - seen):
            self._note(f"/{name}", "missing_field", "This field is missing.")
        if self._problems:
            self._refused = RosterRefused(self._problems)
            raise self._refused

    def _fields(self, pointer: str, known: Mapping[str, Callable[[], Parser[None]]]) -> Parser[set[str]]:
        """Reads an envelope object, whose fields are these and no others, each at most once."""
        seen: set[str] = set()
        yield from self._open("{", pointer, "not_an_object", "This must be an object.")
        char = yield from self._next()
        while char != "}":
            if char != '"':
                self._not_json(pointer)
            name = yield from self._value(pointer)
            if name not in known:
                self._refuse(pointer, "unknown_field", f"There is a field here that is none of: {', '.join(known)}.")
            if name in seen:
                self._refuse(f"{pointer}/{name}", "duplicate_field", "This field stands here twice.")
            seen.add(name)
            if (yield from self._next()) != ":":
                self._not_json(pointer)
            self._at += 1
            yield from known[name]()
            char = yield from self._after_value("}", pointer)
        self._at += 1
        return seen

    def _roster(self) -> Parser[None]:
        yield from self._fields("/roster", {stage: partial(self._list, stage) for stage in STAGES})

    def _display_name(self) -> Parser[None]:
        pointer = "/display_name"
        yield from self._open('"', pointer, "not_a_string", "This must be a string.", consume=False)
        name = yield from self._value(pointer)
        if not name.strip():
            self._refuse(pointer, "empty", "This must not be empty.")
        if len(name) > LONGEST_NAME:
            self._refuse(pointer, "too_long", f"This may have at most {LONGEST_NAME} characters.")
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in name):
            self._refuse(pointer, "bad_character", "This holds a character that cannot be stored.")
        self.display_name = name

    def _list(self, stage: str) -> Parser[None]:
        pointer = f"/roster/{stage}"
        ids: set[UUID] = set()
        yield from self._open("[", pointer, "not_a_list", "This must be a list.")
        char = yield from self._next()
        while char != "]":
            ordinal = self.counts[stage]
            value = yield from self._value(f"{pointer}/{ordinal}")
            self.counts[stage] = ordinal + 1
            object_id = self._id(value, f"{pointer}/{ordinal}", ids)
            if object_id is not None and not self._problems:
                yield Item(stage, ordinal, object_id, value)
            char = yield from self._after_value("]", pointer)
        self._at += 1

    def _id(self, value: Any, pointer: str, ids: set[UUID]) -> UUID | None:
        """Gives the object's id; notes a problem and gives None where it has none of its own."""
        object_id = uuid_of(value.get("id")) if isinstance(value, dict) else None
        if not isinstance(value, dict):
            self._note(pointer, "not_an_object", "This must be an object.")
        elif object_id is None:
            self._note(f"{pointer}/id", "not_a_uuid", "The object needs an id that is a UUID.")
        elif object_id in ids:
            self._note(f"{pointer}/id", "duplicate_id", "Another object in this list has the same id.")
        else:
            ids.add(object_id)
            return object_id
        return None

    def _after_value(self, closing: str, pointer: str) -> Parser[str]:
        """Reads the comma after a value and gives the first character of the next one, or gives the closing sign."""
        char = yield from self._next()
        if char == ",":
            self._at += 1
            char = yield from self._next()
            if char == closing:
                self._not_json(pointer)
        elif char != closing:
            self._not_json(pointer)
        return char

    def _open(self, sign: str, pointer: str, code: str, detail: str, *, consume: bool = True) -> Parser[None]:
        char = yield from self._next()
        if char != sign:
            if char in '{["-0123456789tfn':
                self._refuse(pointer, code, detail)
            self._not_json(pointer)
        self._at += consume

    def _next(self, *, may_end: bool = False) -> Parser[str]:
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

    def _value(self, pointer: str) -> Parser[Any]:
        """Reads one whole JSON value and passes it."""
        while True:
            text, at = self._text, self._at
            ended = self._ended and not self._arrived_size
            # A number that a chunk cuts looks like a shorter number.
            if text[at] in "-0123456789" and not ended and _END_OF_SCALAR.search(text, at) is None:
                yield from self._more()
                continue
            self._bad_number = False
            value, end, broken_at, cut = None, at, -1, False
            try:
                value, end = self._decode(text, at)
            except json.JSONDecodeError as error:
                broken_at = error.pos
                cut = error.msg.startswith("Unterminated string") or broken_at >= len(text) - _NEAR_THE_END
            except RecursionError:
                pass  # the end has not moved
            if cut and not ended:
                yield from self._more()
                continue
            if broken_at >= 0:
                self._not_json(pointer, broken_at)
            if self._bad_number:
                self._refuse(pointer, "bad_number", "There is a number in here that is too large, or not JSON's.")
            if end == at or _levels(value, text.count("{", at, end) + text.count("[", at, end)) > MOST_LEVELS:
                self._refuse(pointer, "too_deep", f"Objects and lists may be nested {MOST_LEVELS} deep.")
            self._at = end
            return value

    def _more(self) -> Parser[None]:
        """Waits until what is left has grown by half, so that the tries at one long value cost linear time in all."""
        self._wanted = (len(self._text) - self._at) // 2 + 1
        yield None

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

    def _note(self, pointer: str, code: str, detail: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(Problem(pointer, code, detail))

    def _refuse(self, pointer: str, code: str, detail: str) -> NoReturn:
        self._text = ""
        self._refused = RosterRefused([*self._problems[: MOST_PROBLEMS - 1], Problem(pointer, code, detail)])
        raise self._refused

    def _not_json(self, pointer: str, at: int | None = None) -> NoReturn:
        place = self._before + (self._at if at is None else at)
        self._refuse(pointer, "not_json", f"This is not JSON, at character {place} of the body.")


def _levels(value: Any, opened: int) -> int:
    """Counts how deep objects and lists are nested, without recursion, when so many opening signs may be too many."""
    level, boxes = 0, [value] if opened > MOST_LEVELS and isinstance(value, dict | list) else []
    while boxes and level <= MOST_LEVELS:
        level += 1
        parts = chain.from_iterable(box.values() if isinstance(box, dict) else box for box in boxes)
        boxes = [part for part in parts if isinstance(part, dict | list)]
    return level
