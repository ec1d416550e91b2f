"""`docs/asvs.md` has every requirement of levels 1 and 2 once, and what it names as proof is there."""

import ast
import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.unit.asvs import REQUIREMENTS

PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
STATES = {"met", "n/a", "not met", "operator's"}


class Row(NamedTuple):
    """A requirement as the page has it."""

    number: str
    asks: str
    state: str
    shown: str


ROWS = [
    Row(*(cell.strip() for cell in line.strip("|").split(" | ")))
    for line in PAGE.splitlines()
    if line.startswith("| v5.0.0-")
]


@cache
def functions(path: str) -> frozenset[str]:
    """Gives the names of a file's functions."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def without_proofs(text: str) -> str:
    """Leaves of a cell what is said in words."""
    return re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", "", text).strip(" ,;.()")


def test_there_are_as_many_requirements_as_the_standard_has() -> None:
    """70 of level 1, 183 of level 2 and 92 of level 3."""
    assert Counter(REQUIREMENTS.values()) == {1: 70, 2: 183, 3: 92}


def test_every_requirement_of_levels_1_and_2_is_there_once() -> None:
    wanted = [f"v5.0.0-{number}" for number, level in REQUIREMENTS.items() if level < 3]
    assert [row.number for row in ROWS] == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_it_says_how_it_stands_and_what_shows_it(row: Row) -> None:
    assert row.state in STATES
    assert row.asks
    for path, name in re.findall(r"`([\w/]+\.py)::(\w+)`", row.shown):
        assert (ROOT / "tests" / path).is_file(), path
        assert name in functions(f"tests/{path}"), f"{path} has no {name}"
    for path in re.findall(r"`((?:app|docs|migrations)/[\w./-]+|pyproject\.toml)`", row.shown):
        assert (ROOT / path).is_file(), path
    loose = [
        each for each in re.findall(r"`([^`]*\.py[^`]*)`", row.shown) if not re.match(r"app/|[\w/]+\.py::test_", each)
    ]
    assert loose == [], "a test is named by its file and its name"


@pytest.mark.parametrize("row", [row for row in ROWS if row.state == "met"], ids=lambda row: row.number)
def test_what_is_met_names_a_proof_or_says_what_there_is_not(row: Row) -> None:
    assert re.search(r"`|\]\(", row.shown) or "there are none" in row.shown


@pytest.mark.parametrize("row", [row for row in ROWS if row.state != "met"], ids=lambda row: row.number)
def test_what_is_not_met_has_its_reason(row: Row) -> None:
    """In words, and not by a proof of something else; so has what concerns nothing here, and what others have to do."""
    words = without_proofs(row.shown)
    assert len(words) >= (60 if row.state == "not met" else 5), words
