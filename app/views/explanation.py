"""What is shown of the catalogue's entries: as JSON, and as a page for people. Nothing in them is about anybody."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from app.catalogue import LANGUAGES, Entry, catalogue, issue, phrase
from app.views import Shown

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
    return _PAGE.format(title=escape(title), body="\n".join(_section(each) for each in shown))


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
        "explanation": {
            language: f"{_sentence(means[language])} {_sentence(to_do[language])}" for language in LANGUAGES
        },
        "url": _url(entry.code),
    }


def _url(code: str) -> str:
    return f"/explanations/{code}"


def _general(text: str) -> str:
    return _VALUE.sub("…", text)


def _sentence(text: str) -> str:
    """Makes a sentence of what the doctor says in the cells of a table."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _section(shown: Shown) -> str:
    code = escape(shown["code"])
    parts = [f'<section id="{code}"><h2><a href="{escape(shown["url"])}">{code}</a></h2>']
    for language in LANGUAGES:
        of, by = phrase(f"of_{shown['of']}", language), phrase(f"mended_by_{shown['mended_by']}", language)
        said = {"entry_means": shown["means"][language], "entry_to_do": shown["to_do"][language], "entry_mended_by": by}
        rows = (f"<dt>{escape(phrase(of_, language))}</dt><dd>{escape(text)}</dd>" for of_, text in said.items())
        parts.append(f'<div lang="{language}"><p>{escape(of)}</p><dl>{"".join(rows)}</dl></div>')
    return "".join([*parts, "</section>"])


_PAGE: Final = """<!doctype html>
<html lang="sv">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
section {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 2rem; border-bottom: 1px solid #ccc; }}
h2 {{ grid-column: 1 / -1; margin-bottom: 0; }}
dt {{ font-weight: bold; }}
dd {{ margin: 0 0 .5rem; }}
@media (max-width: 40rem) {{ section {{ grid-template-columns: 1fr; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
