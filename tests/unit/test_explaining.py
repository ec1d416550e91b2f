"""Which of our own issues says the same as somebody else's objection."""

import pytest

from app.domain.issues import Issue, explaining

FORM = Issue("form", "error", "/civicNo/value")
TWICE = Issue("twice", "warning", "/civicNo/value")
YEAR, UNIT = Issue("year", "error", "/enrolments/0/schoolYear"), Issue("unit", "error", "/enrolments/1/enroledAt/id")
WHOLE, NOWHERE = Issue("whole", "error", ""), Issue("nowhere", "error")
LIST = Issue("list", "error", "/enrolments")
EVERY = [NOWHERE, WHOLE, TWICE, FORM, YEAR, UNIT, LIST]


@pytest.mark.parametrize(
    ("severity", "pointer", "code"),
    [
        ("error", "/civicNo/value", "form"),
        ("warning", "/civicNo/value", "twice"),
        ("error", "/civicNo", "form"),
        ("error", "/enrolments", "list"),
        ("error", "/enrolments/1", "unit"),
        ("error", "/enrolments/0/schoolYear", "year"),
        ("error", "/enrolments/0/schoolType", None),
        ("error", "/civic", None),
        ("error", "/emails", None),
        ("error", "", None),
    ],
)
def test_it_is_as_severe_and_about_the_same_place_or_one_within_it(
    severity: str, pointer: str, code: str | None
) -> None:
    found = explaining(EVERY, severity, pointer)
    assert (found.code if found else None) == code
