"""What rules need is read from Skolverket's open data, and nothing that is malformed is held against anybody."""

from datetime import date
from typing import Any

import pytest

from app.domain.schools import Exam, Programme, Unit
from app.skolverket.published import PUBLISHED

ID = "fb22448b-b724-5e53-8a2c-d8b339206901"
UNIT: dict[str, Any] = {
    "id": ID.upper(),
    "displayName": "Testskolan",
    "status": "Active",
    "dnpStatus": True,
    "parentOrganisation": {"id": ID, "organisationNumber": "5567044268"},
    "schoolTypes": [
        {
            "schoolType": "GR",
            "dnpStatus": True,
            "schoolYears": [{"schoolYear": 3, "dnpStatus": True}, {"schoolYear": 4, "dnpStatus": False}],
        },
        {"schoolType": "GY", "schoolYears": []},
        {"schoolType": "SP", "dnpStatus": False},
    ],
}


def unit(document: dict[str, Any]) -> Unit | None:
    units = PUBLISHED.schools("5567044268", [document], frozenset(), None, None).units
    return None if units is None else units.get(ID)


def test_a_unit_has_the_types_and_years_that_take_part() -> None:
    assert unit(UNIT) == Unit(False, "5567044268", True, {"GR": frozenset({3}), "GY": None})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "Expired"}, {"expired": True}),
        ({"dnpStatus": False}, {"takes_part": False}),
        ({"dnpStatus": None, "status": 7}, {}),
        ({"parentOrganisation": None}, {"owner": None}),
        ({"parentOrganisation": {"organisationNumber": 7}}, {"owner": None}),
        ({"schoolTypes": []}, {"school_types": None}),
        ({"schoolTypes": "GR"}, {"school_types": None}),
        ({"schoolTypes": [7, {"schoolType": []}]}, {"school_types": {}}),
        (
            {"schoolTypes": [{"schoolType": "GR", "schoolYears": [7, {"schoolYear": "3"}]}]},
            {"school_types": {"GR": frozenset()}},
        ),
    ],
)
def test_what_is_not_said_is_in_order(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"expired": False, "owner": "5567044268", "takes_part": True}
    whole["school_types"] = {"GR": frozenset({3}), "GY": None}
    assert unit({**UNIT, **changes}) == Unit(**{**whole, **expected})


@pytest.mark.parametrize("unit_id", [None, 7, "99912345"])
def test_a_unit_without_an_id_is_passed_over(unit_id: Any) -> None:
    assert unit({**UNIT, "id": unit_id}) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Programme(True, date(2021, 7, 1))),
        ({"status": "New"}, Programme(False, date(2021, 7, 1))),
        ({"validFrom": "soon"}, Programme()),
        ({"validFrom": None}, Programme()),
    ],
)
def test_a_programme_stands_by_its_code(changes: dict[str, Any], expected: Programme) -> None:
    document = {"id": ID, "educationCode": "EKJURV", "status": "Active", "validFrom": "2021-07-01T00:00:00+02:00"}
    known = PUBLISHED.schools("", None, frozenset(), [{**document, **changes}, {"id": ID}], None)
    assert known.programmes == {"EKJURV": expected}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Exam("GR", 9)),
        ({"schoolYear": None}, Exam("GR")),
        ({"schoolYear": True}, Exam("GR")),
        ({"schoolType": 7}, Exam(None, 9)),
    ],
)
def test_an_exam_stands_by_its_id(changes: dict[str, Any], expected: Exam) -> None:
    document = {"id": ID.upper(), "schoolType": "GR", "schoolYear": 9}
    known = PUBLISHED.schools("", None, frozenset(), None, [{**document, **changes}, {"id": 7}])
    assert known.exams == {ID: expected}


def test_what_has_not_been_read_is_not_known() -> None:
    known = PUBLISHED.schools("5567044268", None, frozenset({ID}), None, None)
    assert (known.number, known.units, known.programmes, known.exams) == ("5567044268", None, None, None)
    assert known.others == {ID}
