"""Reads the catalogue's data files and refuses what is not whole, naming the file and the code."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, NoReturn

from app.catalogue.entries import (
    LANGUAGES,
    MENDERS,
    SEVERITIES,
    TYPES,
    Cause,
    CauseTexts,
    Entry,
    Explanation,
    Texts,
    Words,
)

_CODE: Final = re.compile(r"[a-z0-9_]+")
_SLUG: Final = re.compile(r"[a-z]+(-[a-z]+)*")
_REQUIRED: Final = {"severity", "mended_by", *LANGUAGES}
_KNOWN: Final = {*_REQUIRED, "values", "advice", "job"}
_LIKE: Final = {"like", "advice", "job"}


class CatalogueError(Exception):
    """A data file is not as it must be; the text names the file, and the code if there is one."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries by code: of records, findings and faults, of refused bodies, of what doctor and checks find.

    `messages` are by what a message of the target's objects to; `properties` have the names of an object's properties
    by kind, without the places of lists. `pages` are the texts of the pages, some with names in braces.
    """

    issues: Mapping[str, Entry]
    refusals: Mapping[str, Entry]
    troubles: Mapping[str, Entry]
    checks: Mapping[str, Entry]
    messages: Mapping[str, Entry]
    properties: Mapping[str, Mapping[str, Explanation]]
    pages: Mapping[str, Explanation]
    words: Words
    # The causes of errors that callers get, by the slugs of their pages.
    problems: Mapping[str, Cause]


def load(folder: Traversable) -> Catalogue:
    """Reads a folder of data files; raises CatalogueError."""
    issues, pages = (_data_files(folder / name) for name in ("issues", "pages"))
    words = _words(folder / "phrases.toml")
    return Catalogue(
        issues=_entries(issues, words, with_values=False),
        refusals=_entries([folder / "refusals.toml"], words),
        troubles=_entries([folder / "troubles.toml"], words),
        checks=_entries([folder / "checks.toml"], words),
        messages=_entries([folder / "messages.toml"], words),
        properties=_properties(folder / "properties.toml"),
        pages=_pages(pages),
        words=words,
        problems=_causes(folder / "problems.toml"),
    )


def _data_files(folder: Traversable) -> list[Traversable]:
    return sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=_name)


def _name(file: Traversable) -> str:
    return file.name


def _read(file: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # tomllib's own names the line, and a code that stands twice
        raise CatalogueError(f"{file.name}: {error}") from None


def _entries(files: Iterable[Traversable], words: Words, *, with_values: bool = True) -> Mapping[str, Entry]:
    made: dict[str, Entry] = {}
    likes: dict[str, tuple[_Place, dict[str, Any]]] = {}
    for file in files:
        for code, table in _read(file).items():
            place = _Place(file.name, code)
            if code in made or code in likes:
                place.refuse("stands in two files")
            if not _CODE.fullmatch(code) or not isinstance(table, dict):
                place.refuse("is no table with a code for a name")
            if "like" in table:
                likes[code] = (place, table)
            else:
                made[code] = _entry(place, table, words)
                if made[code].values and not with_values:
                    place.refuse("has values, and the texts of records and jobs are shown without")
    said = dict(made)
    for code, (place, table) in likes.items():
        place.fields(table, {"like"}, _LIKE)
        other = made.get(str(table["like"]))
        if other is None:
            place.refuse(f"is like {table['like']}, which has no texts of its own")
        own = _texts_of(place, table, _LIKE - {"like"})
        said[code] = replace(other, code=code, advice=own.get("advice", other.advice), job=own.get("job", ""))
    return MappingProxyType(said)


def _entry(place: "_Place", table: dict[str, Any], words: Words) -> Entry:
    place.fields(table, _REQUIRED, _KNOWN)
    if table["severity"] not in SEVERITIES:
        place.refuse(f"severity is none of {', '.join(SEVERITIES)}")
    if table["mended_by"] not in MENDERS:
        place.refuse(f"mended_by is none of {', '.join(MENDERS)}")
    values = _values(place, table.get("values", {}), words.nouns)
    texts: dict[str, Texts] = {}
    for language in LANGUAGES:
        if not isinstance(table[language], dict):
            place.refuse(f"{language} is no table")
        place.fields(table[language], {"means", "to_do"}, {"means", "to_do", "why", "about", "cause"}, f"{language}.")
        said = _texts_of(place, table[language], table[language].keys(), f"{language}.")
        place.names(said.values(), values, language)
        texts[language] = Texts(**said)
    sv, en = texts["sv"], texts["en"]
    if any(bool(getattr(sv, name)) != bool(getattr(en, name)) for name in ("why", "about", "cause")):
        place.refuse("why, about and cause stand in both languages or in neither")
    return Entry(
        code=place.code,
        severity=table["severity"],
        mended_by=table["mended_by"],
        sv=sv,
        en=en,
        explanation=Explanation(f"{sv.means} {sv.to_do}", f"{en.means} {en.to_do}"),
        values=values,
        **_texts_of(place, table, {"advice", "job"}),
    )


def _causes(file: Traversable) -> Mapping[str, Cause]:
    causes = {}
    for slug, table in _read(file).items():
        place = _Place(file.name, slug)
        if not _SLUG.fullmatch(slug) or not isinstance(table, dict):
            place.refuse("is no table with a slug for a name")
        place.fields(table, {"status", *LANGUAGES}, {"status", "retry_after", *LANGUAGES})
        status, retry_after = table["status"], table.get("retry_after")
        if status not in range(400, 600) or (retry_after is not None and retry_after not in range(1, 3600)):
            place.refuse("status is that of no error, or retry_after is no number of seconds")
        texts = {}
        for language in LANGUAGES:
            names = set(CauseTexts._fields)
            place.fields(table[language], names, names, f"{language}.")
            texts[language] = CauseTexts(**_texts_of(place, table[language], names, f"{language}."))
        causes[slug] = Cause(slug=slug, status=status, retry_after=retry_after, **texts)
    return MappingProxyType(causes)


def _properties(file: Traversable) -> Mapping[str, Mapping[str, Explanation]]:
    named: dict[str, Mapping[str, Explanation]] = {}
    for kind, table in _read(file).items():
        names = {}
        for path, texts in table.items():
            place = _Place(file.name, f"{kind}.{path}")
            place.fields(texts, set(LANGUAGES), set(LANGUAGES))
            names[path] = Explanation(**_texts_of(place, texts, LANGUAGES))
        named[kind] = MappingProxyType(names)
    return MappingProxyType(named)


def _pages(files: Iterable[Traversable]) -> Mapping[str, Explanation]:
    made: dict[str, Explanation] = {}
    for file in files:
        for key, table in _read(file).items():
            place = _Place(file.name, key)
            if key in made:
                place.refuse("stands in two files")
            if not _CODE.fullmatch(key) or not isinstance(table, dict):
                place.refuse("is no table with a key for a name")
            place.fields(table, set(LANGUAGES), set(LANGUAGES))
            texts = _texts_of(place, table, LANGUAGES)
            values = {name for name, _, _ in _braces([texts["sv"]]) if name is not None}
            place.names([texts["en"]], dict.fromkeys(values, ""), "en")
            made[key] = Explanation(**texts)
    return MappingProxyType(made)


def _words(file: Traversable) -> Words:
    phrases, nouns = {}, {}
    tables = _read(file)
    for noun, table in tables.pop("nouns", {}).items():
        place = _Place(file.name, f"nouns.{noun}")
        place.fields(table, set(LANGUAGES), set(LANGUAGES))
        if not all(isinstance(table[language], list) and len(table[language]) == 2 for language in LANGUAGES):
            place.refuse("a noun has a singular and a plural")
        nouns[noun] = {language: tuple(table[language]) for language in LANGUAGES}
    for code, table in tables.items():
        place = _Place(file.name, code)
        place.fields(table, set(LANGUAGES), {*LANGUAGES, "values"})
        values = _values(place, table.get("values", {}), nouns)
        texts = _texts_of(place, table, LANGUAGES)
        for language in LANGUAGES:
            place.names([texts[language]], values, language)
        phrases[code] = ({language: texts[language] for language in LANGUAGES}, values)
    return Words(MappingProxyType(phrases), MappingProxyType(nouns))


def _values(place: "_Place", given: object, nouns: Mapping[str, object]) -> Mapping[str, str]:
    if not isinstance(given, dict):
        place.refuse("values is no table")
    for name, type_ in given.items():
        kind, _, noun = str(type_).partition(" ")
        if kind not in TYPES or (noun not in nouns if kind == "count" else noun):
            place.refuse(f"{name} has no type of a value")
    return MappingProxyType(dict(given))


def _texts_of(place: "_Place", table: Mapping[str, Any], names: Iterable[str], where: str = "") -> dict[str, str]:
    found = {name: table[name] for name in names if name in table}
    for name, text in found.items():
        if not isinstance(text, str) or not text or text != text.strip() or "  " in text:
            place.refuse(f"{where}{name} is no text, is empty, or has spaces that it should not have")
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the files something stands."""

    file: str
    code: str

    def refuse(self, what: str) -> NoReturn:
        raise CatalogueError(f"{self.file}: {self.code}: {what}")

    def fields(self, table: Mapping[str, Any], required: set[str], known: set[str], where: str = "") -> None:
        for what, names in (("lacks", required - table.keys()), ("has an unknown", table.keys() - known)):
            if names:
                self.refuse(f"{what} {', '.join(where + name for name in sorted(names))}")

    def names(self, texts: Iterable[str], values: Mapping[str, str], language: str) -> None:
        """Holds that the texts of a language have exactly these names in braces, without anything around them."""
        found: set[str] = set()
        try:
            for name, form, conversion in _braces(texts):
                if name is not None and (form or conversion or not name.isidentifier()):
                    self.refuse(f"{language}: between braces stands a name alone")
                found.update([name] if name is not None else [])
        except ValueError:
            self.refuse(f"{language}: a brace is not closed")
        if found != values.keys():
            self.refuse(f"{language}: {', '.join(sorted(found ^ values.keys()))}: in the text or the values alone")


def _braces(texts: Iterable[str]) -> Iterator[tuple[str | None, str | None, str | None]]:
    for text in texts:
        for _, name, form, conversion in Formatter().parse(text):
            yield name, form, conversion
