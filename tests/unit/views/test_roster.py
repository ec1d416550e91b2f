"""Objects of a roster that is read back: the very bytes, or masked."""

import json
from uuid import UUID

import pytest

from app.domain.kinds import Kind
from app.views.roster import concerned, show_object
from tests.unit.views.rows import DUTY, NORTH, OTHER, PUPIL, SOUTH, TEACHER, Object, mask, pupil, viewer

STORED = json.dumps(pupil(), ensure_ascii=False, indent=1).encode()


def row(**changes: object) -> Object:
    return {"object_id": PUPIL, "ordinal": 0, "payload": STORED, "refs": [], "protected": False, **changes}


@pytest.mark.parametrize(
    ("scopes", "units", "marked", "protected", "seen"),
    [
        ("pii", None, False, set(), True),
        ("pii", None, True, set(), False),
        ("pii", None, False, {PUPIL}, False),
        ("pii", None, False, {OTHER}, True),
        ("pii protected", None, True, {PUPIL}, True),
        ("pii", {NORTH}, False, set(), True),
        ("pii", {SOUTH}, False, set(), False),
        ("pii protected", {SOUTH}, True, set(), False),
        ("", None, False, set(), False),
    ],
)
def test_an_object_is_as_stored_or_masked(
    scopes: str, units: set[UUID] | None, marked: bool, protected: set[UUID], seen: bool
) -> None:
    shown = show_object(
        row(protected=marked), viewer(*scopes.split(), units=units), kind=Kind.PERSONS, protected=protected
    )
    if seen:
        assert shown == STORED
    else:
        assert json.loads(shown) == mask(pupil())
        assert shown.isascii()


def test_a_duty_is_protected_with_its_person() -> None:
    duty = row(object_id=DUTY, refs=[TEACHER], payload=b'{"dutyRole": "L\\u00e4rare", "note": "x"}')
    assert concerned(duty, Kind.DUTIES) == (DUTY, TEACHER)
    for protected, seen in ((set(), True), ({TEACHER}, False), ({DUTY}, False)):
        shown = show_object(duty, viewer("pii"), kind=Kind.DUTIES, protected=protected)
        assert (json.loads(shown)["note"] == "x") is seen


def test_a_group_is_not_protected_with_its_members() -> None:
    group = row(refs=[OTHER], payload=b"{}")
    assert concerned(group, Kind.GROUPS) == (PUPIL,)
    assert show_object(group, viewer("pii"), kind=Kind.GROUPS, protected={OTHER}) == b"{}"
