"""What the rules say of a person by itself."""

from datetime import date
from typing import Any

import pytest

from app.domain.rules.given import Given
from tests.unit.rules.rosters import (
    CLOSED,
    GIVEN,
    MOVED,
    NO_EXAMS,
    OTHER_UNIT,
    TODAY,
    UNIT,
    codes,
    enrolment,
    pupil,
    ref,
    staff,
)

EPPN, CIVIC_NO, FIRST = "/eduPersonPrincipalNames/0", "/civicNo/value", "/enrolments/0"


def test_nothing_is_said_of_what_is_right() -> None:
    assert codes("persons", pupil(1)) == codes("persons", staff(2)) == []


@pytest.mark.parametrize(
    ("eppns", "expected"),
    [
        ([], [("eppn_missing", "error", "/eduPersonPrincipalNames")]),
        (["@exempelby.se"], [("eppn_form", "error", EPPN)]),
        (["90@"], [("eppn_form", "error", EPPN)]),
        ([""], [("eppn_form", "error", EPPN)]),
        (["90.exempelby.se"], [("eppn_form", "error", EPPN)]),
        (["90@a@exempelby.se"], [("eppn_form", "error", EPPN)]),
        (["9.0-1_A+b@exempelby.se"], []),
        # Of these others speak.
        (["9 å@exempelby.se"], []),
        (["1@exempelby.se", "2@exempelby.se"], []),
        (None, []),
        ("1@exempelby.se", []),
        ([7], []),
        ([None], []),
    ],
)
def test_a_login_has_the_form_of_one(eppns: Any, expected: list[tuple[str, str, str]]) -> None:
    assert codes("persons", pupil(1, eduPersonPrincipalNames=eppns)) == expected


@pytest.mark.parametrize(
    ("local", "given", "family", "is_weak"),
    [
        ("tovlin", "Tova", "Lind", True),
        ("9lin9", "Tova", "Lind", True),
        ("LIN9", "Tova", "Lind", True),
        ("to9li", "Tova", "Lind", True),
        ("to9l", "Tova", "Lind", False),
        ("tov9", "Tova", "Lind", False),
        ("oberg1", "Åsa", "Öberg", True),
        ("obe1", "Åsa", "Öberg", True),
        ("ekas", "Åsa", "Ek", True),
        ("ek1", "Åsa", "Ek", False),
        ("sor1", "Bo", "Sørensen", True),
        ("afe1", "Bo", "af Ekestad", True),
        ("oco1", "Bo", "O'Connor", True),
        ("o1", "Bo", "O", False),
        ("ada1", "Bo", "A\u030adahl", True),
        # Chance is no weakness of a random login.
        ("beadbead-0000-4000-8000-000000000001", "Bo", "Bead", False),
    ],
)
def test_a_login_does_not_give_the_name_away(local: str, given: str, family: str, is_weak: bool) -> None:
    person = pupil(1, givenName=given, familyName=family, eduPersonPrincipalNames=[f"{local}@exempelby.se"])
    assert codes("persons", person) == ([("eppn_weak", "warning", EPPN)] if is_weak else [])


@pytest.mark.parametrize(
    ("eppn", "code"),
    [
        ("201105149841@exempelby.se", "eppn_civic_no"),
        ("1105149841@exempelby.se", "eppn_civic_no"),
        ("x110514-9841@exempelby.se", "eppn_civic_no"),
        ("9841@exempelby.se", None),
        ("9@1105149841.se", None),
        ("e1@elev.exempelby.se", "eppn_is_email"),
        ("E1@elev.exempelby.se", "eppn_is_email"),
        ("e12@elev.exempelby.se", None),
    ],
)
def test_a_login_is_neither_a_civic_number_nor_an_address(eppn: str, code: str | None) -> None:
    person = pupil(
        1,
        eduPersonPrincipalNames=[eppn],
        civicNo={"value": "201105149841"},
        emails=[{"value": "e1@elev.exempelby.se", "type": "Skola elev"}],
    )
    assert codes("persons", person) == ([(code, "warning", EPPN)] if code else [])


def test_a_login_is_of_a_domain_that_was_declared_if_any_was() -> None:
    declared = Given(TODAY, domains=frozenset({"edu.exempelby.se"}))
    elsewhere = pupil(1, eduPersonPrincipalNames=["901@exempelby.se"])
    assert codes("persons", elsewhere, declared) == [("eppn_domain", "warning", EPPN)]
    assert codes("persons", elsewhere, Given(TODAY)) == []
    assert codes("persons", pupil(1, eduPersonPrincipalNames=["901@EDU.exempelby.se"]), declared) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("201105149841", None),
        ("20110514-9841", "civic_no_form"),
        ("1105149841", "civic_no_form"),
        ("201105149841 ", "civic_no_form"),
        ("20110514984١", "civic_no_form"),
        ("", "civic_no_form"),
        ("20110514TF2", "civic_no_form"),
        ("20110514tf20", "civic_no_form"),
        ("201113149841", "civic_no_date"),
        ("201102299841", "civic_no_date"),
        ("000001019841", "civic_no_date"),
        ("201105749842", "coordination_no_check_digit"),
        ("201102909841", "civic_no_date"),
        ("20110514TF20", None),
        ("20110231TF20", "civic_no_date"),
        ("20110571TF20", "civic_no_date"),
        ("201105149842", "civic_no_check_digit"),
        ("202610019980", "civic_no_check_digit"),
        ("202610029980", "civic_no_date"),
        ("200901272385", None),
    ],
)
def test_a_civic_number_has_a_form_a_date_and_a_check_digit(value: str, code: str | None) -> None:
    severity = "warning" if code == "coordination_no_check_digit" else "error"
    assert codes("persons", pupil(1, civicNo={"value": value})) == ([(code, severity, CIVIC_NO)] if code else [])


def test_the_check_digit_of_a_coordination_number_counts_its_day_as_it_is_written() -> None:
    """One of ten digits is right."""
    right = [
        digit for digit in "0123456789" if not codes("persons", pupil(1, civicNo={"value": f"20110574984{digit}"}))
    ]
    assert len(right) == 1


@pytest.mark.parametrize(("country", "warned"), [("SE", False), ("SWE", True), ("se", True), (None, False), (7, False)])
def test_a_civic_number_is_swedish(country: Any, warned: bool) -> None:
    expected = [("civic_no_nationality", "warning", "/civicNo/nationality")] if warned else []
    assert codes("persons", pupil(1, civicNo={"value": "201105149841", "nationality": country})) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", [("name_blank", "error")]),
        ("  \t", [("name_blank", "error")]),
        ("\u200b\ufeff", [("name_blank", "error")]),
        ("\xa0", [("name_blank", "error")]),
        ("-", []),
        ("Å" * 255, []),
        ("Å" * 256, [("name_long", "warning")]),
        (7, []),
    ],
)
def test_a_name_is_there_and_no_novel(name: Any, expected: list[tuple[str, str]]) -> None:
    for key in ("givenName", "familyName"):
        assert codes("persons", pupil(1, **{key: name})) == [(*each, f"/{key}") for each in expected]


@pytest.mark.parametrize("key", ["middleName", "displayName"])
def test_another_name_may_be_blank(key: str) -> None:
    assert codes("persons", pupil(1, **{key: " "})) == []


@pytest.mark.parametrize(
    ("emails", "of_staff", "of_pupil"),
    [
        ([{"value": "a@b.se", "type": "Skola personal"}], [], []),
        ([{"value": "a@b.se", "type": "Skola elev"}], [("staff_email", "/emails")], []),
        ([{"value": "a@b.se"}], [("staff_email", "/emails")], []),
        ([], [("staff_email", "/emails")], []),
        (None, [("staff_email", "/emails")], []),
        ([{"value": "a@b.se", "type": "Skola personal"}, {"value": "a@b.se", "type": "Privat"}], [], []),
    ],
)
def test_staff_have_an_address_of_their_work(emails: Any, of_staff: Any, of_pupil: Any) -> None:
    assert codes("persons", staff(1, emails=emails)) == [(code, "error", at) for code, at in of_staff]
    assert codes("persons", pupil(1, emails=emails)) == [(code, "error", at) for code, at in of_pupil]


def test_an_address_that_breaks_the_schema_is_none_of_the_staffs() -> None:
    """It is left out of what is sent, and then there is none."""
    person = staff(1, emails=[{"value": "a(at)b.se", "type": "Skola personal"}])
    assert codes("persons", person, broken=["/emails/0/value"]) == [("staff_email", "error", "/emails")]
    both = staff(1, emails=[{"value": "a(at)b.se", "type": "Privat"}, {"value": "a@b.se", "type": "Skola personal"}])
    assert codes("persons", both, broken=["/emails/0/value"]) == []
    assert codes("persons", staff(1, emails="a@b.se"), broken=["/emails"]) == [("staff_email", "error", "/emails")]
    assert codes("persons", pupil(1, emails="a@b.se"), broken=["/emails"]) == []


@pytest.mark.parametrize(
    ("identifiers", "of_staff", "of_pupil"),
    [
        ([{"value": "a@eduid.se", "context": "https://eduid.se"}], [], ["external_id_of_pupil"]),
        ([{"value": "a", "context": "x"}], ["external_id_context"], ["external_id_of_pupil", "external_id_context"]),
        ([], [], []),
    ],
)
def test_staff_alone_have_an_identifier_elsewhere(identifiers: Any, of_staff: Any, of_pupil: Any) -> None:
    for person, expected in ((staff(1), of_staff), (pupil(1), of_pupil)):
        person["externalIdentifiers"] = identifiers
        assert [code for code, _, _ in codes("persons", person)] == expected
        assert codes("persons", person, broken=["/externalIdentifiers/0/value", "/externalIdentifiers"]) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schoolYear": None}, [("school_year_missing", "error", "/schoolYear")]),
        (
            {"schoolType": "SP", "schoolYear": None},
            [("school_year_missing", "error", "/schoolYear"), ("unit_school_type", "warning", "/schoolType")],
        ),
        ({"schoolType": "GY", "educationCode": "NANAT"}, []),
        ({"schoolType": "GY", "educationCode": "NANAT", "schoolYear": None}, []),
        ({"schoolType": "GY"}, [("education_code_missing", "error", "/educationCode")]),
        ({"schoolType": "GY", "educationCode": ""}, [("education_code_missing", "error", "/educationCode")]),
        ({"schoolType": "GY", "educationCode": " "}, [("education_code_missing", "error", "/educationCode")]),
        ({"schoolType": "GY", "educationCode": "nanat"}, [("education_code_unknown", "error", "/educationCode")]),
        ({"schoolType": "GY", "educationCode": "OLD"}, [("education_code_inactive", "error", "/educationCode")]),
        ({"schoolType": "GY", "educationCode": "NEW"}, [("education_code_inactive", "error", "/educationCode")]),
        ({"educationCode": "OLD"}, []),
        (
            {"schoolType": "VUXGY", "schoolYear": None},
            [("enrolment_of_adults", "warning", "/schoolType"), ("unit_school_type", "warning", "/schoolType")],
        ),
        ({"schoolType": "SP"}, [("unit_school_type", "warning", "/schoolType")]),
        ({"schoolYear": 10}, [("unit_school_year", "warning", "/schoolYear")]),
        ({"schoolYear": 10, "cancelled": True}, []),
        ({"enroledAt": ref(1)}, [("unit_unknown", "error", "/enroledAt/id")]),
        ({"enroledAt": ref(UNIT.upper())}, []),
        ({"enroledAt": ref(OTHER_UNIT)}, [("unit_foreign", "error", "/enroledAt/id")]),
        ({"enroledAt": ref(MOVED)}, [("unit_foreign", "error", "/enroledAt/id")]),
        ({"enroledAt": ref(CLOSED)}, [("unit_expired", "error", "/enroledAt/id")]),
        ({"enroledAt": ref(NO_EXAMS)}, [("unit_without_exams", "warning", "/enroledAt/id")]),
        # Of these the schema speaks.
        ({"enroledAt": ref("99912345")}, []),
        ({"enroledAt": None}, []),
        ({"enroledAt": 7, "schoolType": [], "schoolYear": {}}, []),
        ({"schoolType": "FSK", "schoolYear": 11}, []),
        ({"schoolYear": 11}, []),
    ],
)
def test_an_enrolment_is_somewhere_in_something(changes: Any, expected: Any) -> None:
    person = pupil(1, enrolments=[enrolment(), enrolment(**changes)])
    assert codes("persons", person) == [(code, severity, f"/enrolments/1{at}") for code, severity, at in expected]


def test_each_enrolment_speaks_for_itself() -> None:
    person = pupil(1, enrolments=[enrolment(schoolYear=None), enrolment(), enrolment(enroledAt=ref(CLOSED))])
    assert codes("persons", person) == [
        ("school_year_missing", "error", f"{FIRST}/schoolYear"),
        ("unit_expired", "error", "/enrolments/2/enroledAt/id"),
    ]


def test_what_the_target_has_not_been_asked_is_not_held_against_anybody() -> None:
    person = pupil(1, enrolments=[enrolment(enroledAt=ref(7)), enrolment(schoolType="GY", educationCode="X")])
    assert codes("persons", person, Given(TODAY)) == []


def test_of_what_the_schema_speaks_no_rule_does() -> None:
    person = pupil(1, enrolments=[enrolment(schoolType="FSK")], givenName=" ")
    broken = [f"{FIRST}/schoolType", "/givenName"]
    assert codes("persons", person, broken=broken) == []
    assert codes("persons", pupil(1, givenName=" "), broken=["/given", "/familyName"]) == [
        ("name_blank", "error", "/givenName")
    ]


def test_a_day_that_comes_makes_a_programme_valid() -> None:
    person = pupil(1, enrolments=[enrolment(schoolType="GY", educationCode="NEW")])
    assert codes("persons", person, Given(date(2027, 7, 1), schools=GIVEN.schools)) == []
