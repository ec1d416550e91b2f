"""Reads the body of `PUT /activities/{id}` as it arrives, one object at a time, without ever holding it whole.

It owns the envelope (which fields, which lists, whose ids, how much) and refuses a body whole, with JSON pointers. What
is wrong within an object is a finding and keeps nobody else out, but for a key that stands twice and for masked values.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any, Final, NoReturn, TypeVar
from uuid import UUID

from app.catalogue import refusal_text
from app.domain.masked import masked_values
from app.domain.roster import RosterObject, uuid_of
from app.errors import BodyError, MaskedValue, Refused
from app.sources.json_values import JsonText

STAGES: Final = ("persons", "duties", "groups", "activities")
MOST_PROBLEMS: Final = 100
MOST_OBJECTS: Final = 500_000
LONGEST_NAME: Final = 255

_SLICE: Final = 16 * 1024  # bytes that are read in one go: some 0.5 ms of work, but for a large value

_T = TypeVar("_T")
Parser = Generator[RosterObject | None, None, _T]  # None: more text is needed


class JsonUpload:
    """A body whose chunks arrive, as a source of a roster: its objects, and when they have been read its name."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._reader = RosterReader()

    @property
    def display_name(self) -> str | None:
        """Gives the activity's name, when it has been read."""
        return self._reader.display_name

    @property
    def counts(self) -> Mapping[str, int]:
        """Gives how many objects of each kind have been read."""
        return self._reader.counts

    async def parts(self) -> AsyncGenerator[Iterator[RosterObject]]:
        """Gives the objects that each slice completes; exhaust each iterator before the next. Raises Refused."""
        async for chunk in self._chunks:
            for start in range(0, len(chunk), _SLICE):
                yield self._reader.feed(chunk[start : start + _SLICE])
        yield self._reader.close()


class RosterReader(JsonText):
    """Takes a body in chunks of any size and gives its objects as soon as they are complete.

    The iterators of `feed` and `close` do the reading, and may raise: exhaust each before the next call. Objects come
    in the order of the body; after a first problem no more come, and the rest is only checked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.display_name: str | None = None
        self.counts: dict[str, int] = dict.fromkeys(STAGES, 0)
        self._objects = 0
        self._lists: set[str] = set()
        self._problems: list[BodyError] = []
        self._refused: Refused | None = None
        self._parser = self._body()

    def feed(self, chunk: bytes) -> Iterator[RosterObject]:
        """Takes the next bytes and gives the objects that they complete; raises Refused."""
        self._take(chunk, last=False)
        return self._items()

    def close(self) -> Iterator[RosterObject]:
        """Ends the body and gives the last objects; raises Refused when anything in the body was wrong."""
        self._take(b"", last=True)
        return self._items()

    def _take(self, chunk: bytes, *, last: bool) -> None:
        if self._refused is not None:
            raise self._refused
        self._arrive(chunk, last=last)

    def _items(self) -> Iterator[RosterObject]:
        while True:
            if self._must_wait():
                return
            for step in self._parser:
                if step is None:
                    break
                yield step
            else:
                return

    # The parser is one generator: it yields None when it needs more text, and an object when it has one.

    def _body(self) -> Parser[None]:
        first = yield from self._next()
        if first == "\ufeff":
            self._refuse("", "byte_order_mark")
        seen = yield from self._fields("", {"display_name": self._display_name, "roster": self._roster})
        if (yield from self._next(may_end=True)) != "":
            self._refuse("", "trailing_content")
        for name in sorted({"display_name", "roster"} - seen):
            self._note(f"/{name}", "missing_field")
        if "roster" in seen and not self._lists:
            self._note("/roster", "no_lists", known=STAGES)
        if self._problems:
            self._end(self._problems)

    def _fields(self, pointer: str, known: Mapping[str, Callable[[], Parser[None]]]) -> Parser[set[str]]:
        """Reads an envelope object, whose fields are these and no others, each at most once."""
        seen: set[str] = set()
        yield from self._open("{", pointer, "not_an_object")
        char = yield from self._next()
        while char != "}":
            if char != '"':
                self._not_json(pointer)
            name = yield from self._value(pointer)
            if name not in known:
                self._refuse(pointer, "unknown_field", known=list(known))
            if name in seen:
                self._refuse(f"{pointer}/{name}", "duplicate_field")
            seen.add(name)
            if (yield from self._next()) != ":":
                self._not_json(pointer)
            self._at += 1
            yield from known[name]()
            char = yield from self._after_value("}", pointer)
        self._at += 1
        return seen

    def _roster(self) -> Parser[None]:
        self._lists = yield from self._fields("/roster", {kind: partial(self._list, kind) for kind in STAGES})

    def _display_name(self) -> Parser[None]:
        pointer = "/display_name"
        yield from self._open('"', pointer, "not_a_string", consume=False)
        name = yield from self._value(pointer)
        if not name.strip():
            self._refuse(pointer, "empty")
        if len(name) > LONGEST_NAME:
            self._refuse(pointer, "too_long", most=LONGEST_NAME)
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in name):
            self._refuse(pointer, "bad_character")
        self.display_name = name

    def _list(self, kind: str) -> Parser[None]:
        pointer = f"/roster/{kind}"
        ids: set[int] = set()
        yield from self._open("[", pointer, "not_a_list")
        char = yield from self._next()
        while char != "]":
            if self._objects == MOST_OBJECTS:
                self._refuse(pointer, "too_many_objects", most=MOST_OBJECTS)
            ordinal = self.counts[kind]
            place = f"{pointer}/{ordinal}"
            value = yield from self._value(place)
            self._objects += 1
            self.counts[kind] = ordinal + 1
            if self._doubled:
                self._note(place, "duplicate_field")
            object_id = self._id(value, place, ids)
            for within in masked_values(kind, value):
                self._note(f"{place}{within}", "masked_value")
            if object_id is not None and not self._problems:
                yield RosterObject(kind, ordinal, object_id, value)
            char = yield from self._after_value("]", pointer)
        self._at += 1

    def _id(self, value: Any, pointer: str, ids: set[int]) -> UUID | None:
        """Gives the object's id; notes a problem and gives None where it has none of its own."""
        object_id = uuid_of(value.get("id")) if isinstance(value, dict) else None
        if not isinstance(value, dict):
            self._note(pointer, "not_an_object")
        elif object_id is None:
            self._note(f"{pointer}/id", "not_a_uuid")
        elif object_id.int in ids:
            self._note(f"{pointer}/id", "duplicate_id")
        else:
            ids.add(object_id.int)
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

    def _open(self, sign: str, pointer: str, code: str, *, consume: bool = True) -> Parser[None]:
        char = yield from self._next()
        if char != sign:
            if char in '{["-0123456789tfn':
                self._refuse(pointer, code)
            self._not_json(pointer)
        self._at += consume

    def _note(self, pointer: str, code: str, **values: object) -> None:
        if len(self._problems) == MOST_PROBLEMS - 1:
            self._refuse("", "too_many_problems", most=MOST_PROBLEMS)
        self._problems.append(BodyError(pointer, code, refusal_text(code, values)))

    def _refuse(self, pointer: str, code: str, **values: object) -> NoReturn:
        self._text = ""
        self._end([*self._problems, BodyError(pointer, code, refusal_text(code, values))])

    def _end(self, problems: list[BodyError]) -> NoReturn:
        masked = {problem.code for problem in problems} == {"masked_value"}
        refused = MaskedValue if masked else Refused
        self._refused = refused("The roster cannot be taken; nothing of it was stored.", problems)
        raise self._refused
