"""Every code of the service, as data: its severity, who mends it, what it means and what to do, in Swedish and English.

A new code gets its entry in a data file here, and its words stand nowhere else: the rest of the service deals in codes
and values. `issues/` has what is said of records, findings, jobs and calls, with Skolverket's message ids; `refusals`
why a body is refused; `troubles` what the doctor finds. One code may stand in several of the three, in each once. No
codes of ours are the checks of `organisations check`, the problem types of the API, which are HTTP's own statuses, and
what pydantic says of the fields of small bodies.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from app.catalogue.entries import Entry, Explanation, Filling, Language, Texts, in_words
from app.catalogue.loader import Catalogue, CatalogueError, load

__all__ = [
    "UNKNOWN",
    "CatalogueError",
    "Entry",
    "Explanation",
    "Language",
    "Texts",
    "catalogue",
    "counted",
    "explain",
    "in_words",
    "issue",
    "refusal_text",
    "trouble_texts",
]


@cache
def catalogue() -> Catalogue:
    """Gives all entries, read once."""
    return load(files(__package__))


def issue(code: str) -> Entry:
    """Gives the entry of one of our codes or of Skolverket's message ids, and a general one for any other."""
    issues = catalogue().issues
    if code in issues:
        return issues[code]
    before, http, status = code.rpartition("http_")
    if http:
        of_kind = f"{before}http_{'500' if status.startswith('5') else 'other'}"
        return issues.get(of_kind, issues["unknown"])
    return issues["unknown"]


def explain(code: str) -> Explanation:
    """Gives what an issue means and what to do, as one text in each language."""
    return issue(code).explanation


def refusal_text(code: str, values: Mapping[str, object]) -> str:
    """Says in English why a body is refused; `values` are the service's own limits and names, never the body's."""
    return _filling("en", datetime.now(UTC)).texts(catalogue().refusals[code], values).means


def trouble_texts(code: str, values: Mapping[str, object], now: datetime, language: Language = "en") -> Texts:
    """Says what the doctor has found; `values` are those that the entry names, `now` is when it looked."""
    return _filling(language, now).texts(catalogue().troubles[code], values)


def counted(noun: str, number: int, language: Language) -> str:
    """Gives a number with a noun behind it, in the singular or the plural."""
    one, many = catalogue().words.nouns[noun][language]
    return f"{number} {one if number == 1 else many}"


def _filling(language: Language, now: datetime) -> Filling:
    return Filling(catalogue().words, language, now)


UNKNOWN: Final = explain("unknown")
