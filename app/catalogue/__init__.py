"""Every code of the service, as data: its severity, who mends it, what it means and what to do, in Swedish and English.

A new code gets its entry in a data file here, and its words stand nowhere else: the rest of the service deals in codes
and values. `issues/` has what is said of records, findings, jobs and calls, with Skolverket's message ids; `refusals`
why a body is refused; `troubles` what the doctor finds; `checks` what `organisations check` finds; `messages` what is
said of a message of Skolverket's that is not known; `properties` what the properties of objects are called; `phrases`
what sentences are made of; `problems` why a request is answered with an error; `pages/` what the pages say, a file a
page. One code may stand in several, in each once.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from app.catalogue.entries import (
    LANGUAGES,
    Cause,
    Clock,
    Entry,
    Explanation,
    Filling,
    Language,
    Severity,
    Texts,
    figures,
    in_words,
)
from app.catalogue.loader import Catalogue, CatalogueError, load

__all__ = [
    "LANGUAGES",
    "CatalogueError",
    "Cause",
    "Clock",
    "Entry",
    "Explanation",
    "Language",
    "Texts",
    "catalogue",
    "check_text",
    "counted",
    "explain",
    "explain_message",
    "figures",
    "in_words",
    "issue",
    "page_text",
    "phrase",
    "property_name",
    "refusal_text",
    "trouble_texts",
]

_STATUS: Final = re.compile(r"[0-9]{3}")


@cache
def catalogue() -> Catalogue:
    """Gives all entries, read once."""
    return load(files(__package__))


def issue(code: str) -> Entry | None:
    """Gives the entry of one of our codes or of Skolverket's message ids; None for any other."""
    issues = catalogue().issues
    before, http, status = code.rpartition("http_")
    if code not in issues and http and _STATUS.fullmatch(status):
        code = f"{before}http_{'500' if status.startswith('5') else 'other'}"
    return issues.get(code)


def explain(code: str) -> Explanation | None:
    """Gives what an issue means and what to do, as one text in each language; None for a code of nobody's."""
    entry = issue(code)
    return None if entry is None else entry.explanation


@lru_cache(maxsize=1024)
def explain_message(kind: str, severity: str, type_: str | None, attribute: str | None) -> Explanation | None:
    """Explains a message of the target's that has no entry, by what it objects to and by the property's name.

    `attribute` is a JSON pointer into an object of a `kind`. None when there is nothing to say: neither is known, or
    what is objected to stands somewhere and nobody knows where.
    """
    name = property_name(kind, attribute or "")
    if type_ is None and name is None:
        return None
    code = type_ or "value"
    if severity == "warning":
        code = {"weak": "weak", "reference": "reference_remark"}.get(code, "remark")
    entry, now = catalogue().messages[code], datetime.now(UTC)
    if name is None and entry.values:
        return None
    texts = [_filling(each, now).texts(entry, {"property": getattr(name, each, "")}) for each in LANGUAGES]
    return Explanation(*(f"{each.means} {each.to_do}" for each in texts))


def property_name(kind: str, pointer: str) -> Explanation | None:
    """Gives what people call the property at a JSON pointer, or what that stands in; None when nothing has a name."""
    names = catalogue().properties[kind]
    steps = [step for step in pointer.split("/")[1:] if not step.isdecimal()]
    return next((names[path] for end in range(len(steps), 0, -1) if (path := ".".join(steps[:end])) in names), None)


def refusal_text(code: str, values: Mapping[str, object]) -> str:
    """Says in English why a body is refused; `values` are the service's own limits and names, never the body's."""
    return _filling("en", datetime.now(UTC)).texts(catalogue().refusals[code], values).means


def trouble_texts(
    code: str, values: Mapping[str, object], now: datetime, language: Language = "en", clock: Clock | None = None
) -> Texts:
    """Says what the doctor has found; `values` are those that the entry names, `now` is when it looked.

    With a `clock` moments are written as that has them.
    """
    return Filling(catalogue().words, language, now, clock).texts(catalogue().troubles[code], values)


def check_text(code: str, values: Mapping[str, object]) -> tuple[Severity, str]:
    """Gives the severity of what `organisations check` finds, and says it in English, with what to do if anything."""
    entry = catalogue().checks[code]
    texts = _filling("en", datetime.now(UTC)).texts(entry, values)
    return entry.severity, texts.means if entry.severity == "ok" else f"{texts.means} {texts.to_do}"


def phrase(code: str, language: Language, **values: object) -> str:
    """Gives a part of a sentence, filled with `values` when it has some."""
    return _filling(language, datetime.now(UTC)).phrase(code, values)


def page_text(key: str, language: Language, values: Mapping[str, object]) -> str:
    """Gives a text of the pages, with its values in it; raises KeyError for one that lacks."""
    return _page_text(key, language).format_map(values) if values else _plain_page_text(key, language)


@cache
def _plain_page_text(key: str, language: Language) -> str:
    return _page_text(key, language).format_map({})


def _page_text(key: str, language: Language) -> str:
    return str(getattr(catalogue().pages[key], language))


def counted(noun: str, number: int, language: Language) -> str:
    """Gives a number with a noun behind it, in the singular or the plural."""
    one, many = catalogue().words.nouns[noun][language]
    return f"{figures(number, language)} {one if number == 1 else many}"


def _filling(language: Language, now: datetime) -> Filling:
    return Filling(catalogue().words, language, now)
