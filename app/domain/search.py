"""How an object is found: the keys under which its texts are looked up, and whether a query fits it.

Keys only narrow: many objects share one. What fits is decided by the texts themselves, folded.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from uuid import UUID

from app.domain.roster import uuid_of

# A name is looked up by its first letters: as many of what was asked for as one of these.
BEGINNINGS: Final = (3, 5, 7)
# Of names without end, of addresses without number: what comes first.
MOST_NAME_KEYS: Final = 64
MOST_ADDRESSES: Final = 8
LONGEST_TEXT: Final = 1000
# The other words of a long query only have to fit.
MOST_LOOKED_UP: Final = 6

_NAMES: Final = ("givenName", "middleName", "familyName")
_WORD = re.compile(r"[^\W_](?:\S*[^\W_])?")
_PART = re.compile(r"[^\W_]+")
_CIVIC_NO = re.compile(r"([0-9]{2})?([0-9]{6}(?:[0-9]{4}|tf[0-9]{2}))")
_CIVIC_NO_APART = re.compile(
    r"(?<!\S)((?:[0-9]{2})?[0-9]{2}-?[0-9]{2}-?[0-9]{2}) ?([-+]?) ?([0-9]{4}|tf[0-9]{2})(?!\S)"
)
# Letters with a stroke or of two letters, which no decomposition takes apart.
_LETTERS: Final = {"æ": "ae", "œ": "oe", "þ": "th", **dict(zip("øłđðħŧı", "olddhti", strict=True))}
_DASHES: Final = frozenset("‐‑‒–—―−")
_APOSTROPHES: Final = frozenset("’‘ʼ´")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Mn", "Me"})


class _Folds(dict[int, str]):
    """What becomes of each character. Those of most alphabets are remembered, not all that there are."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        if code < 0x3000:
            self[code] = folded
        return folded


_FOLDS: Final = _Folds()


@dataclass(frozen=True, slots=True)
class _CivicNo:
    """A personnummer as somebody wrote it; the century may be missing."""

    century: str | None
    ten: str

    def fits(self, other: "_CivicNo") -> bool:
        return self.ten == other.ten and (None in (self.century, other.century) or self.century == other.century)


@dataclass(slots=True)
class Texts:
    """What an object is found by: `words` by their beginnings too, the others as a whole."""

    words: set[str] = field(default_factory=set, repr=False)
    whole: set[str] = field(default_factory=set, repr=False)
    civic_no: _CivicNo | None = field(default=None, repr=False)

    @classmethod
    def of(cls, kind: str, object_id: UUID, item: Any) -> "Texts":
        """Gives the texts of an object of a kind."""
        found = cls(whole={str(object_id)})
        for name in names(kind, item):
            found.words.update(_words(name))
        for address in _addresses(kind, item):
            found.whole.update((address, _local_part(address)))
        if written := _written_civic_no(kind, item):
            found.civic_no = _civic_no(written)
            found.whole.update((written, written[-4:]))
        return found

    def and_of(self, other: "Texts") -> "Texts":
        """Gives the texts of both: those of a duty and of its person."""
        return Texts(self.words | other.words, self.whole | other.whole, self.civic_no or other.civic_no)


@dataclass(frozen=True, slots=True)
class Query:
    """A search phrase as folded words; an object must have each of them."""

    words: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, q: str) -> "Query":
        """Reads a phrase; what belongs to one personnummer is one word, also with a space in it."""
        joined = _CIVIC_NO_APART.sub(r"\1\2\3", " ".join(fold(q).split()))
        return cls(tuple(dict.fromkeys(_WORD.findall(joined))))

    @property
    def ids(self) -> list[UUID]:
        """Gives those words that are ids."""
        return [found for word in self.words if (found := uuid_of(word))]

    @property
    def is_civic_no(self) -> bool:
        """Tells whether all of it is one whole personnummer."""
        return len(self.words) == 1 and _civic_no(self.words[0]) is not None

    def sought(self) -> list[set[str]]:
        """Gives keys for the longest words that are no ids: an object that has such a word has one of its keys."""
        words = sorted((word for word in self.words if uuid_of(word) is None), key=len, reverse=True)
        return [_keys_of_word(word) for word in words[:MOST_LOOKED_UP]]

    def fits(self, texts: Texts) -> bool:
        """Tells whether an object with these texts is found."""
        return all(_fits(word, texts) for word in self.words)


def fold(text: str) -> str:
    """Brings `text` to the form in which it is searched: without case, accents, and what nobody sees."""
    # Nearly all addresses and numbers are that: a tenth of the time.
    if text.isascii() and text.isprintable():
        return text.lower()
    return text.translate(_FOLDS)


def names(kind: str, item: Any) -> Iterator[str]:
    """Gives the texts of an object by whose words it is found, as they stand there: many objects have the same."""
    for key in _NAMES if kind == "persons" else ("displayName",) if kind in ("groups", "activities") else ():
        if isinstance(text := _field(item, key), str):
            yield text


def keys_of_name(text: str) -> frozenset[str]:
    """Gives the keys of one of an object's `names`."""
    keys = (key for word in _words(text) for key in _beginnings(word))
    return frozenset(islice(dict.fromkeys(keys), MOST_NAME_KEYS))


def own_keys(kind: str, item: Any) -> set[str]:
    """Gives the other keys of an object, which few share with it: of its addresses and its personnummer."""
    keys = {_local_part(address) for address in _addresses(kind, item)}
    if written := _written_civic_no(kind, item):
        known = _civic_no(written)
        keys.update((known.ten if known else written, written[-4:]))
    return keys


def _keys_of_word(word: str) -> set[str]:
    keys = {word, _local_part(word), _beginnings(word)[-1]}
    if civic_no := _civic_no(word):
        keys.add(civic_no.ten)
    return keys


def _beginnings(word: str) -> list[str]:
    """Gives the beginnings by which a word is looked up, the longest last; one that is too short is its own."""
    return [word[:length] for length in BEGINNINGS if length <= len(word)] or [word]


def _fits(word: str, texts: Texts) -> bool:
    if word in texts.whole or word in texts.words:
        return True
    if len(word) >= BEGINNINGS[0] and any(each.startswith(word) for each in texts.words):
        return True
    if texts.civic_no is None or (civic_no := _civic_no(word)) is None:
        return False
    return civic_no.fits(texts.civic_no)


def _words(text: str) -> list[str]:
    """Splits a name: `Karl-Erik` is found by the whole and by each part."""
    found: dict[str, None] = {}
    for word in _WORD.findall(fold(text[:LONGEST_TEXT])):
        found[word] = None
        found.update(dict.fromkeys(_PART.findall(word)))
    return list(found)


def _addresses(kind: str, item: Any) -> Iterator[str]:
    """Gives a person's EPPNs and e-mail addresses, folded; one with a space in it is several."""
    if kind != "persons":
        return
    emails = (_field(email, "value") for email in islice(_list(item, "emails"), MOST_ADDRESSES))
    for text in (*islice(_list(item, "eduPersonPrincipalNames"), MOST_ADDRESSES), *emails):
        if isinstance(text, str):
            yield from islice(_WORD.findall(fold(text[:LONGEST_TEXT])), MOST_ADDRESSES)


def _local_part(address: str) -> str:
    """Gives what stands before the `@`, as a query would have it."""
    return "".join(_WORD.findall(address.partition("@")[0])[:1])


def _written_civic_no(kind: str, item: Any) -> str | None:
    """Gives a person's personnummer as it stands there, without what may stand between its digits."""
    text = _field(_field(item, "civicNo"), "value") if kind == "persons" else None
    return re.sub(r"[-+\s]", "", fold(text[:LONGEST_TEXT])) or None if isinstance(text, str) else None


def _civic_no(word: str) -> _CivicNo | None:
    found = _CIVIC_NO.fullmatch(word.replace("-", "").replace("+", ""))
    return _CivicNo(found[1], found[2]) if found else None


def _folded(character: str) -> str:
    if character.isspace():
        return " "
    if character in _DASHES:
        return "-"
    if character in _APOSTROPHES:
        return "'"
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(_LETTERS.get(part, part) for part in parts if unicodedata.category(part) not in _UNSEEN)


def _field(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _list(item: object, key: str) -> list[Any]:
    value = _field(item, key)
    return value if isinstance(value, list) else []
