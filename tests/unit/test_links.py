"""The links of the README and of the pages under docs lead somewhere, and every page is found from the README."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
# What is no link: code, in blocks and in lines.
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"\bdocs/[\w./-]+\.(?:md|json|sh|png|yaml)\b")


def links(page: Path) -> list[str]:
    text = _CODE.sub("", page.read_text("utf-8"))
    return [
        link
        for link in re.findall(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"", text)
        for link in link
        if link and not link.startswith(("http://", "https://"))
    ]


def anchors(page: Path) -> set[str]:
    """Gives the headings' names as forges make them: lower case, without signs, with dashes."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(page: Path) -> list[tuple[Path, str]]:
    found = (link.partition("#") for link in links(page))
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    lost = [
        (str(path), anchor)
        for path, anchor in targets(page)
        if not path.is_relative_to(ROOT) or not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert lost == []


def test_every_page_is_reached_from_the_readme() -> None:
    """By links, over however many pages; a folder that is linked shows what is in it."""
    reached, ahead = set[Path](), [README]
    while ahead:
        if (path := ahead.pop()) in reached:
            continue
        reached.add(path)
        if path.is_dir():
            ahead += path.glob("*.md")
        elif path.suffix == ".md":
            ahead += [target for target, _ in targets(path)]
    assert {str(page.relative_to(ROOT)) for page in PAGES if page not in reached} == set()


def test_pages_that_the_code_names_are_there() -> None:
    """A message that sends its reader to a page names one that exists."""
    sources = [
        path
        for folder in ("app", "tests", "benchmarks", "docs", "migrations")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".toml", ".md", ".sql"}
    ]
    named = {name for path in (*sources, README, ROOT / "Makefile") for name in _NAMED.findall(path.read_text("utf-8"))}
    assert len(named) > 5
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
