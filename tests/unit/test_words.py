"""Words that have been replaced stay away from texts, file names and module docstrings, but where they are listed.

Most are searched everywhere. Those that are ordinary English as well (turn, hand, sight, house …) are searched in names
and in what stands between backticks, where they can only be ours. Not searched at all, since what is meant can't be
told: look, late, clear, hidden, view, held, said, told, carry, stay, drop, lose, finding, message. The list of
places can only shrink: an entry without its word fails too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# By the name under which a place is listed: what is searched for. `_` stands for a space too.
ANYWHERE = {
    **{word: f"{word}s?" for word in ("lane", "doorbell", "door", "ring", "slot", "flaw", "remark", "veil", "tether")},
    **{word: word for word in ("rung", "crowded", "outlook", "holdings", "held_before", "patience", "losses")},
    **{word: word for word in ("contact_at", "gallery", "workshop", "workshops")},
    "take_back": "(?:take|takes|took|taken|taking)_back",
    # The setting keeps its name, and so does the intent that closes what is out.
    "horizon": "(?<!fault_)horizon",
    "abandon": "abandon(?:s|ed)?(?!_outstanding)",
}
IN_NAMES = {
    **{word: f"{word}s?" for word in ("turn", "hand", "house", "introduction", "examination")},
    **{word: word for word in ("heard", "sight", "papers", "put_off", "give_up")},
}

# A file's name and module docstring, or its text; `code` is what stands between backticks, in fences and in queries.
STILL_THERE = {
    ("docs/decisions/0004-fair-permits.md, code", "slot"),
}

CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
QUERY = re.compile(r'"expr": .*')


def words(text: str, *, names: bool) -> set[str]:
    """Gives the old words of a text; with `names` those too that only mean something in a name."""
    plain = re.sub(r"\s+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower())
    searched = ANYWHERE | IN_NAMES if names else ANYWHERE
    return {word for word, form in searched.items() if re.search(rf"(?<![a-z])(?:{form})(?![a-z])", plain)}


def apart(text: str, code: re.Pattern[str] = CODE) -> tuple[str, str]:
    """Gives the prose of a text and its code."""
    return code.sub(" · ", text), " · ".join(code.findall(text))


def parts() -> Iterator[tuple[str, str, str]]:
    """Gives each place with its prose and its names."""
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.*")):
        if path.suffix == ".png":
            continue
        place = str(path.relative_to(ROOT))
        prose, code = apart(path.read_text(encoding="utf-8"), QUERY if path.suffix == ".json" else CODE)
        yield place, prose, place
        yield f"{place}, code", "", code
    for path in (*(ROOT / "app").rglob("*"), *(ROOT / "tests").rglob("*")):
        if path.is_file() and not {"__pycache__", "static"} & set(path.parts):
            prose, code = apart(docstring(path))
            yield str(path.relative_to(ROOT)), prose, f"{path.parent.name} · {path.name} · {code}"


def docstring(path: Path) -> str:
    if path.suffix != ".py":
        return ""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


@pytest.fixture(scope="module")
def found() -> set[tuple[str, str]]:
    """Every old word with its place."""
    return {
        (place, word)
        for place, prose, names in parts()
        for word in words(prose, names=False) | words(names, names=True)
    }


def test_no_old_word_comes_back(found: set[tuple[str, str]]) -> None:
    """A text, a file name or a module docstring has an old word only where it is listed."""
    assert sorted(found - STILL_THERE) == []


def test_the_list_of_places_has_none_without_its_word(found: set[tuple[str, str]]) -> None:
    """An entry goes as soon as its word has gone."""
    assert sorted(STILL_THERE - found) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alert: DoorbellSilent", {"doorbell"}),
        ("`provkedja_ring_to_claim_seconds`", {"ring"}),
        ("The call was taken\nback.", {"take_back"}),
        ("FAULT_HORIZON, AbandonOutstanding, monitoring, doors of planes", {"door"}),
        ("On the other hand it is its turn.", set()),
        ("`jobs_at_hand`", {"hand"}),
    ],
)
def test_words_are_found_whole_in_any_spelling(text: str, expected: set[str]) -> None:
    """Names are split at underscores and capitals, and a word within another is none."""
    prose, code = apart(text)
    assert words(prose, names=False) | words(code, names=True) == expected
