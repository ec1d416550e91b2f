"""Pages for people about what stands in the catalogue: Swedish with English beside it, nothing of anybody."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from app.catalogue import LANGUAGES, Language


def reference_page(title: str, sections: Iterable[str]) -> str:
    """Writes a page of these sections."""
    return _PAGE.format(title=escape(title), style=STYLE, body="\n".join(sections))


def reference_section(name: str, url: str, said: Mapping[Language, tuple[str, Iterable[tuple[str, str]]]]) -> str:
    """Writes what is said of one thing in each language: a line about it, then terms with what they stand for."""
    parts = [f'<section id="{escape(name)}"><h2><a href="{escape(url)}">{escape(name)}</a></h2>']
    for language in LANGUAGES:
        line, terms = said[language]
        rows = (f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in terms)
        parts.append(f'<div lang="{language}"><p>{escape(line)}</p><dl>{"".join(rows)}</dl></div>')
    return "".join([*parts, "</section>"])


STYLE: Final = """
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { display: grid; grid-template-columns: 1fr 1fr; gap: 0 2rem; border-bottom: 1px solid #ccc; }
h2 { grid-column: 1 / -1; margin-bottom: 0; }
dt { font-weight: bold; }
dd { margin: 0 0 .5rem; }
@media (max-width: 40rem) { section { grid-template-columns: 1fr; } }
"""

_PAGE: Final = """<!doctype html>
<html lang="sv">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
