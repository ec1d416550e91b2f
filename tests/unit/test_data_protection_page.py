"""`docs/data-protection.md` says what can be done: each command is taken, each route is there, each test is a file."""

import re
import shlex

import pytest

from app.server.app import described_app
from tests.conftest import ROOT
from tests.unit.test_command_line_page import parsed

PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("data-protection.md", "dataskydd.md")}
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", PAGES["data-protection.md"], re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.strip()
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_is_taken(words: list[str]) -> None:
    assert words[:3] == ["python", "-m", "app"]
    assert parsed(words[3:])


def test_what_is_to_be_done_in_72_hours_has_commands() -> None:
    """Closing, finding out, counting, changing keys, and mending: none of these is left to a reader's memory."""
    verbs = {" ".join(parsed(words[3:])) for words in COMMANDS}
    assert verbs >= {
        *(
            "keys list",
            "keys revoke",
            "keys rotate",
            "organisations disable",
            "organisations enable",
            "pause",
            "resume",
        ),
        *("runs list", "jobs list", "doctor", "privacy report", "reencrypt", "erase", "organisations check"),
        *("audit show", "audit verify"),
    }


@pytest.mark.parametrize("page", PAGES)
def test_each_route_is_there(page: str) -> None:
    named = set(re.findall(r"`(GET|POST|DELETE) (/[^`]+)`", PAGES[page]))
    paths = described_app().openapi()["paths"]
    kinds = {path: re.sub(r"/objects/(persons|duties)/", "/objects/{kind}/", path) for _, path in named}
    unknown = {
        (method, path)
        for method, path in named
        if not any(method.lower() in paths.get(each, {}) for each in (path, kinds[path], _renamed(kinds[path], paths)))
    }
    assert unknown == set()
    assert named


def _renamed(path: str, paths: dict[str, object]) -> str:
    """Gives the path that is the same but for what its ids are called."""
    blank = re.sub(r"{\w+}", "{}", path)
    return next((each for each in paths if re.sub(r"{\w+}", "{}", each) == blank), path)


def test_each_test_is_a_file() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGES["data-protection.md"])
    assert [each for each in named if not (ROOT / each).is_file()] == []
    assert len(named) > 15


def test_both_languages_say_what_matters() -> None:
    """Rights, roles, the 72 hours and protected persons stand in both."""
    for english, swedish in (
        ("controller", "personuppgiftsansvarig"),
        ("processor", "personuppgiftsbiträde"),
        ("72 hours", "72 timmar"),
        ("register extract", "Registerutdrag"),
        ("corrected", "Rättelse"),
        ("erased", "Radering"),
        ("restricted", "Begränsning"),
        ("`protected`", "`protected`"),
    ):
        assert english in PAGES["data-protection.md"], english
        assert swedish in PAGES["dataskydd.md"], swedish
