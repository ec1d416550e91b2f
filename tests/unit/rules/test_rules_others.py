"""What the rules say of duties, groups and activities by themselves, and of how large an object is."""

from typing import Any

import pytest

from app.domain.batching import BodyForm
from app.domain.rules.size import exceeds_call
from tests.unit.rules.rosters import CLOSED, NO_EXAMS, OTHER_UNIT, activity, changed, codes, duty, group, ref, uuid


def test_nothing_is_said_of_what_is_right() -> None:
    assert (
        codes("duties", duty(1, 2))
        == codes("groups", group(1, [2]))
        == codes("activities", activity(1, [2], [3]))
        == []
    )


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (ref(1), [("unit_unknown", "error")]),
        (ref(OTHER_UNIT), [("unit_foreign", "error")]),
        (ref(CLOSED), [("unit_expired", "error")]),
        (None, []),
    ],
)
def test_each_is_at_a_unit_of_the_organisation(unit: Any, expected: list[tuple[str, str]]) -> None:
    assert codes("duties", duty(1, 2, dutyAt=unit)) == [(*each, "/dutyAt/id") for each in expected]
    at_unit = [(*each, "/organisation/id") for each in expected]
    assert codes("groups", group(1, [2], organisation=unit)) == at_unit
    assert codes("activities", activity(1, [2], [3], organisation=unit)) == at_unit


def test_a_duty_is_where_there_are_exams() -> None:
    assert codes("duties", duty(1, 2, dutyAt=ref(NO_EXAMS))) == [("unit_without_exams", "warning", "/dutyAt/id")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"groupType": "Klass"}, []),
        ({"groupType": "Mentor"}, [("group_type", "error", "/groupType")]),
        ({"groupType": 7}, []),
        ({"groupMemberships": []}, [("group_empty", "warning", "/groupMemberships")]),
        ({"groupMemberships": None}, [("group_empty", "warning", "/groupMemberships")]),
        ({"groupMemberships": [None, {"person": {"id": "x"}}]}, [("group_empty", "warning", "/groupMemberships")]),
        ({"groupMemberships": [{}, {"person": {"id": str(uuid(1))}}]}, []),
        ({"groupMemberships": "none"}, []),
        ({"groupMemberships": "x"}, []),
        ({"displayName": "9" * 256}, [("name_long", "warning", "/displayName")]),
    ],
)
def test_a_group_is_of_a_type_and_has_members(changes: Any, expected: Any) -> None:
    assert codes("groups", changed(group(1, [2]), changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"activityType": "Elevaktivitet"}, [("activity_type", "error", "/activityType")]),
        ({"teachers": []}, [("activity_without_teachers", "warning", "/teachers")]),
        ({"teachers": None}, [("activity_without_teachers", "warning", "/teachers")]),
        ({"teachers": [{}, {"duty": {"id": None}}]}, [("activity_without_teachers", "warning", "/teachers")]),
        ({"teachers": [{}, {"duty": {"id": str(uuid(1))}}]}, []),
        ({"groups": [ref(n) for n in (1, 2, 3)]}, []),
        ({"groups": [ref(n) for n in (1, 2, 3, 3)]}, []),
        ({"groups": [ref(n) for n in (1, 2, 3, 4)]}, [("activity_wide", "warning", "/groups")]),
        ({"groups": [None, 7, {}]}, []),
        ({"parentActivity": ref(7)}, [("exam_unknown", "error", "/parentActivity/id")]),
        ({"parentActivity": None}, []),
    ],
)
def test_an_activity_is_teaching_for_an_exam(changes: Any, expected: Any) -> None:
    assert codes("activities", changed(activity(1, [2], [3]), changes)) == expected


def test_an_object_fits_into_a_call() -> None:
    form = BodyForm(b"[", b",", b"]", max_bytes=10)
    assert [issue.code for issue in exceeds_call(b"x" * 9, form)] == ["exceeds_call"]
    assert list(exceeds_call(b"x" * 8, form)) == []
