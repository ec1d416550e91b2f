"""What is shown of the catalogue's entries: as JSON, and as a page for people. Nothing in them is about anybody."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.catalogue import LANGUAGES, Entry, catalogue, issue, phrase
from app.views import Shown
from app.views.reference_page import reference_page, reference_section

# A value of one time, of which an entry in general can't speak.
_VALUE: Final = re.compile(r"\{\w+\}")


def show_explanations() -> list[Shown]:
    """Shows all codes, those of records first."""
    return [_shown(of, entry) for of, entries in _all() for entry in entries]


def show_explanation(code: str) -> Shown | None:
    """Shows what a code means; one that stands for several things has the others in `also`."""
    found = [_shown(of, entry) for of, entries in _all() for entry in entries if entry.code == code]
    if not found and (alike := issue(code)) is not None:  # a status that is explained as those of its kind
        found = [{**_shown("records", alike), "code": code, "url": _url(code)}]
    return {**found[0], "also": found[1:]} if found else None


def explanation_page(shown: Sequence[Shown]) -> str:
    """Writes a page about these codes, in Swedish with English beside it."""
    title = shown[0]["code"] if len({each["code"] for each in shown}) == 1 else "Provkedja"
    return reference_page(title, map(_section, shown))


def _all() -> Iterator[tuple[str, Sequence[Entry]]]:
    known = catalogue()
    yield "records", list(known.issues.values())
    yield "bodies", list(known.refusals.values())
    yield "operations", list(known.troubles.values())
    yield "certificates", list(known.checks.values())


def _shown(of: str, entry: Entry) -> Shown:
    means = {language: _general(getattr(entry, language).means) for language in LANGUAGES}
    to_do = {language: _general(getattr(entry, language).to_do) for language in LANGUAGES}
    return {
        "code": entry.code,
        "of": of,
        "severity": entry.severity,
        "mended_by": entry.mended_by,
        "means": means,
        "to_do": to_do,
        "explanation": {language: f"{sentence(means[language])} {sentence(to_do[language])}" for language in LANGUAGES},
        "url": _url(entry.code),
    }


def _url(code: str) -> str:
    return f"/explanations/{code}"


def _general(text: str) -> str:
    return _VALUE.sub("…", text)


def sentence(text: str) -> str:
    """Makes a sentence of what the doctor says in the cells of a table."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _section(shown: Shown) -> str:
    said = {}
    for language in LANGUAGES:
        by = phrase(f"mended_by_{shown['mended_by']}", language)
        means, to_do = shown["means"][language], shown["to_do"][language]
        terms = {"entry_means": means, "entry_to_do": to_do, "entry_mended_by": by}
        rows = [(phrase(term, language), text) for term, text in terms.items()]
        said[language] = (phrase(f"of_{shown['of']}", language), rows)
    return reference_section(shown["code"], shown["url"], said)
