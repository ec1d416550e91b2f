"""What Skolverket points at is one pointer into the object, however it is written, and never a value."""

from typing import Any

import pytest

from app.skolverket.attributes import pointer_of
from app.skolverket.schemas import SCHEMAS

PERSON: dict[str, Any] = {
    "id": "x",
    "eduPersonPrincipalNames": ["q7x1@edu.example.se"],
    "civicNo": {"value": "201201019801"},
    "emails": [{"value": "a@example.se"}, {"value": "b@example.se"}],
    "enrolments": [{"schoolType": "GR"}],
}
GROUP = {"groupMemberships": [{"person": {"id": "x"}}] * 4}
ACTIVITY = {"groups": [{"id": "x"}], "teachers": [{"duty": {"id": "x"}}, {"duty": {"id": "y"}}]}


@pytest.mark.parametrize(
    ("written", "pointer"),
    [
        ("civicNo.value", "/civicNo/value"),
        ("civicNo", "/civicNo"),
        ("CIVICNO.VALUE", "/civicNo/value"),
        ("civic_no.value", "/civicNo/value"),
        ("Person.civicNo.value", "/civicNo/value"),
        ("persons.civicNo.value", "/civicNo/value"),
        ("$.civicNo.value", "/civicNo/value"),
        ("/civicNo/value", "/civicNo/value"),
        ("#/civicNo/value", "/civicNo/value"),
        ("data[3].civicNo.value", "/civicNo/value"),
        ("data/3/civicNo/value", "/civicNo/value"),
        ("personnummer", "/civicNo/value"),
        ("Personnummer", "/civicNo/value"),
        ("emails[0].type", "/emails/0/type"),
        ("emails.1.value", "/emails/1/value"),
        ("emails[0]['type']", "/emails/0/type"),
        ("emails", "/emails"),
        ("e-post", "/emails"),
        ("eppn", "/eduPersonPrincipalNames/0"),
        ("EPPN", "/eduPersonPrincipalNames/0"),
        ("Federationsanvändarnamn", "/eduPersonPrincipalNames/0"),
        ("eduPersonPrincipalNames", "/eduPersonPrincipalNames"),
        ("eduPersonPrincipalNames[0]", "/eduPersonPrincipalNames/0"),
        ("eduPersonPrincipalName", "/eduPersonPrincipalNames/0"),
        ("enrolments.0.schoolYear", "/enrolments/0/schoolYear"),
        ("Enrolment.schoolYear", "/enrolments/0/schoolYear"),
        ("<schoolYear>", "/enrolments/0/schoolYear"),
        ("schoolYear", "/enrolments/0/schoolYear"),
        ("årskurs", "/enrolments/0/schoolYear"),
        ("enroledAt.id", "/enrolments/0/enroledAt/id"),
        ("enrolments[0].enrolledAt", "/enrolments/0"),
        ("enrolledAt.id", "/enrolments/0/enroledAt/id"),
        ("skolenhet", "/enrolments/0/enroledAt/id"),
        ("givenName", "/givenName"),
        ("Förnamn", "/givenName"),
        ("id", "/id"),
        ("Person", ""),
    ],
)
def test_every_way_of_writing_it_is_one_pointer(written: str, pointer: str) -> None:
    assert pointer_of("persons", written, PERSON) == pointer


@pytest.mark.parametrize(
    ("kind", "item", "written", "pointer"),
    [
        ("groups", GROUP, "groupMemberships[3].person.id", "/groupMemberships/3/person/id"),
        ("groups", GROUP, "GroupMembership[3].person", "/groupMemberships/3/person"),
        ("groups", GROUP, "groupMemberships.person.id", "/groupMemberships"),
        ("groups", GROUP, "skolenhet", "/organisation/id"),
        ("groups", GROUP, "skolform", "/schoolType"),
        ("groups", GROUP, "Group.groupType", "/groupType"),
        ("duties", {}, "dutyRole", "/dutyRole"),
        ("duties", {}, "Duty.person.id", "/person/id"),
        ("duties", {}, "skolenhet", "/dutyAt/id"),
        ("activities", ACTIVITY, "groups[0].id", "/groups/0/id"),
        ("activities", ACTIVITY, "grupp", "/groups/0"),
        ("activities", ACTIVITY, "teachers[1].duty.id", "/teachers/1/duty/id"),
        ("activities", ACTIVITY, "lärare", "/teachers"),
        ("activities", ACTIVITY, "Activity.parentActivity.id", "/parentActivity/id"),
    ],
)
def test_each_kind_has_its_own_properties(kind: str, item: dict[str, Any], written: str, pointer: str) -> None:
    assert pointer_of(kind, written, item) == pointer


@pytest.mark.parametrize(
    ("written", "item", "pointer"),
    [
        ("emails[2].type", PERSON, "/emails"),
        ("emails.type", PERSON, "/emails"),
        ("emails[201201019801].type", PERSON, "/emails"),
        ("emails[0].type", None, "/emails"),
        ("emails[0].type", {"emails": "x"}, "/emails"),
        ("eppn", {"eduPersonPrincipalNames": []}, "/eduPersonPrincipalNames"),
        ("eppn", {"eduPersonPrincipalNames": ["a", "b"]}, "/eduPersonPrincipalNames"),
        ("eppn", None, "/eduPersonPrincipalNames"),
        ("civicNo.checkDigit", PERSON, "/civicNo"),
    ],
)
def test_a_pointer_goes_as_far_as_the_object_and_the_names_do(written: str, item: object, pointer: str) -> None:
    assert pointer_of("persons", written, item) == pointer


@pytest.mark.parametrize(
    "written",
    ["", " ", "..", "201201019801", "20120101-9801", "Åsa Öberg", "value", "groupType", "0", "data[0]"],
)
def test_what_cannot_be_placed_is_nothing(written: str) -> None:
    assert pointer_of("persons", written, PERSON) is None


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_published_property_is_found_by_its_own_name(kind: str) -> None:
    assert [name for name in SCHEMAS[kind]["properties"] if pointer_of(kind, name) != f"/{name}"] == []
