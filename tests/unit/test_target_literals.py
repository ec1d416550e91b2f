"""The target is behind its port: its words stand in its own folder, in its look-alike, and nowhere else in the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

APP = ROOT / "app"

# What Skolverket calls things, and what no object of SS 12000 has: addresses and parameters, headers, statuses and
# messages of answers, what asks for a token, spellings that are Skolverket's own.
WORDS = frozenset(
    [
        *("/bulk", "isCompleted", "updateIfExists", "showOnlyError", "expandSchoolUnits", "pageToken"),
        "X-RateLimit",
        *("TemporaryError", "statusCode", "severityLevel", "resourceId", "attributeName", "messageType"),
        *("jobId", "timeOfOccurance", "provisioningStatus", "enroledAt"),
        *("provisioning-api", "cert#S256"),
    ]
)
# Texts that are one of these, whole: as parts of others they mean nothing.
WHOLE = frozenset(
    [
        *("2010", "2011", "2025", "3047", "3085", "4001", "5002", "5004", "5020", "5021", "5022", "6001"),
        *("Success", "Pending", "responses"),
    ]
)
# As a number, and in the text of a statement.
LARGEST_BODY = 200_000

# The folders that may have them; what is invented for a demonstration is what Skolverket would be sent.
ITS_OWN = {"skolverket", "simulator", "demo"}
# Where another word stands for a reason of its own.
EXCEPTIONS = {
    # SS 12000's property, as Skolverket spells it: a roster that is read has it.
    ("domain/roster.py", "enroledAt"),
    ("domain/rules/enrolment.py", "enroledAt"),
    ("domain/ss12000.py", "enroledAt"),
    # OpenAPI's word, in the description of our own interface.
    ("api/description/openapi.py", "responses"),
    ("api/description/webhook_calls.py", "responses"),
    # The database refuses a body that is larger than any target's may be.
    ("db/schema/runs.py", str(LARGEST_BODY)),
    # Part of an organisation number.
    ("cli/arguments.py", str(LARGEST_BODY)),
    # The help of the simulator's options.
    ("cli/processes.py", "provisioningStatus"),
}


def literals(tree: ast.AST) -> Iterator[str | int | bytes]:
    """Gives every text and number of a module's code; what only explains it is no code."""
    explaining = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | bytes) and id(node) not in explaining:
            yield node.value


def found_in(folder: Path) -> set[tuple[str, str]]:
    """Finds the target's words outside its own folders: file and word."""
    found = set()
    for file in sorted([*folder.rglob("*.py"), *folder.rglob("*.sql")]):
        path = file.relative_to(folder)
        if path.parts[0] in ITS_OWN:
            continue
        text = file.read_text(encoding="utf-8")
        for literal in [text] if file.suffix == ".sql" else literals(ast.parse(text)):
            written = literal.decode("latin-1") if isinstance(literal, bytes) else str(literal)
            words = {word for word in WORDS if word in written} | (WHOLE & {written})
            words |= {str(LARGEST_BODY)} if str(LARGEST_BODY) in written else set()
            found |= {(path.as_posix(), word) for word in words}
    return found


def test_the_targets_words_stand_nowhere_else() -> None:
    assert found_in(APP) - EXCEPTIONS == set()


def test_every_exception_is_needed() -> None:
    assert EXCEPTIONS - found_in(APP) == set()


def test_its_own_folder_has_every_word_that_we_use() -> None:
    """A word that is nowhere would be looked for in vain: those of both folders are all in one of them."""
    own = "".join(file.read_text(encoding="utf-8") for name in ITS_OWN for file in (APP / name).rglob("*.py"))
    assert {word for word in WORDS | WHOLE if word not in own} <= {"2025", "6001", "5004", "3085", "2011"}


@pytest.mark.parametrize(
    ("code", "word"),
    [
        *[(f"PATH = {f'x{word}y'!r}", word) for word in sorted(WORDS)],
        *[(f"CODE = {word!r}", word) for word in sorted(WHOLE)],
        ("match status:\n    case 'Success':\n        pass", "Success"),
        ("MOST = 200_000", "200000"),
        ("CHECK = 'bytes BETWEEN 1 AND 200000'", "200000"),
        ("HEAD = b'X-RateLimit-Limit'", "X-RateLimit"),
        ("url = f'{base}/persons/bulk'", "/bulk"),
    ],
)
def test_one_that_is_planted_is_found(tmp_path: Path, code: str, word: str) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "runner.py").write_text(code, encoding="utf-8")
    assert found_in(tmp_path) == {("jobs/runner.py", word)}


def test_one_that_only_explains_is_none(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(
        '"""Sent to /bulk."""\n\n\ndef f():\n    """TemporaryError."""\n', encoding="utf-8"
    )
    assert found_in(tmp_path) == set()
