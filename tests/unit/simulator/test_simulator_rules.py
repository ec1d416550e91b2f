"""The rules of each kind of object, one row a rule: what Skolverket refuses, what it warns about, what it lets pass."""

from typing import Any

import pytest

from app.simulator.persons import person_findings
from app.simulator.relations import activity_findings, duty_findings, group_findings, without_unknown_members
from tests.unit.simulator.simulator_parts import (
    EXPIRED_UNIT,
    FOREIGN_UNIT,
    GY_EXAM,
    ORGANISATION,
    OTHER_ORGANISATION,
    OTHER_UNIT,
    UNIT,
    UNKNOWN,
    activity,
    duty,
    group,
    numbered,
    pupil,
    scene,
    staff,
    texts,
)

_EDUID = {"value": "x@eduid.se", "context": "https://eduid.se"}


def _enrolled(**changes: Any) -> dict[str, Any]:
    enrolment = {"enroledAt": {"id": UNIT}, "schoolType": "GR", "schoolYear": 6} | changes
    return pupil(enrolments=[{name: value for name, value in enrolment.items() if value is not ...}])


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (pupil(), []),
        (staff(), []),
        (pupil(civicNo={"value": "201203049810", "nationality": "SWE"}), []),
        (pupil(eduPersonPrincipalNames=[]), [("8110", "eduPersonPrincipalNames")]),
        (pupil(eduPersonPrincipalNames=["x1@a@b.se"]), [("8111", "eppn")]),
        (pupil(eduPersonPrincipalNames=["x 1@b.se"]), [("8111", "eppn")]),
        (pupil(eduPersonPrincipalNames=["x1"]), [("8111", "eppn")]),
        (pupil(eduPersonPrincipalNames=["x\u200b1@b.se"]), [("8113", "eppn")]),
        (pupil(eduPersonPrincipalNames=["x1@b.se\xad"]), [("8113", "eppn")]),
        (pupil(eduPersonPrincipalNames=["\xe51@b.se"]), [("8113", "eppn")]),
        (pupil(eduPersonPrincipalNames=["x/1@b.se"]), [("8113", "eppn")]),
        (pupil(eduPersonPrincipalNames=["A.b-c_d+1@B.se"]), []),
        (pupil(eduPersonPrincipalNames=["lun1@b.se"]), [("3047", "eppn")]),
        (pupil(givenName=""), [("8105", "givenName")]),
        (pupil(givenName=" \xa0\t"), [("8105", "givenName")]),
        (pupil(givenName="\u200b \ufeff\0"), [("8105", "givenName")]),
        (pupil(familyName="\xad"), [("8105", "familyName")]),
        (pupil(middleName="", givenName="V\u200bira"), []),
        (pupil(civicNo={"value": "20120304-9810"}), [("8120", "civicNo.value")]),
        (pupil(civicNo={"value": "201213049810"}), [("8121", "Personnummer")]),
        (pupil(civicNo={"value": "201203649810"}), []),
        (pupil(civicNo={"value": "20120304TF20"}), []),
        (pupil(civicNo={"value": "201203049811"}), [("8122", "Personnummer")]),
        (pupil(emails=[{"value": "a@b.se"}, {"value": "c@b.se", "type": "Skola elev"}]), []),
        (pupil(emails=[{"value": "a@b.se", "type": "Privat"}]), [("8131", "emails[0].type")]),
        (staff(emails=...), [("8130", "emails")]),
        (staff(emails=[{"value": "a@b.se", "type": "Skola elev"}]), [("8130", "emails")]),
        (
            staff(emails=[{"value": "a@b.se", "type": "Arbete övrigt"}]),
            [("8130", "emails"), ("8131", "emails[0].type")],
        ),
        (pupil(enrolments=[]), [("8130", "emails")]),
        (staff(externalIdentifiers=[_EDUID]), []),
        (
            staff(externalIdentifiers=[_EDUID | {"context": "https://b.se"}]),
            [("8133", "externalIdentifiers[0].context")],
        ),
        (pupil(externalIdentifiers=[_EDUID]), [("8132", "externalIdentifiers")]),
        (_enrolled(schoolYear=...), [("8140", "Enrolment.schoolYear")]),
        (_enrolled(schoolType="SP", schoolYear=...), [("8140", "Enrolment.schoolYear")]),
        (_enrolled(schoolType="SAM", schoolYear=10), []),
        (_enrolled(schoolType="VUXGY", schoolYear=...), []),
        (_enrolled(schoolType="GY", schoolYear=..., educationCode="EK1"), []),
        (_enrolled(schoolType="GY"), [("8141", "Enrolment.educationCode")]),
        (_enrolled(schoolType="GY", educationCode="XX"), [("8141", "Enrolment.educationCode")]),
        (_enrolled(schoolType="GY", educationCode="EK0"), [("8141", "Enrolment.educationCode")]),
        (_enrolled(schoolType="GY", educationCode="EK2"), [("8141", "Enrolment.educationCode")]),
        (_enrolled(enroledAt={"id": OTHER_UNIT.upper()}), []),
        (_enrolled(enroledAt={"id": UNKNOWN}), [("8150", "enrolments[0].enroledAt.id")]),
        (_enrolled(enroledAt={"id": EXPIRED_UNIT}), [("8151", "enrolments[0].enroledAt.id")]),
        (_enrolled(enroledAt={"id": FOREIGN_UNIT}), [("8152", "enrolments[0].enroledAt.id")]),
    ],
)
def test_rules_of_a_person(person: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert texts(person_findings(person, scene())) == expected


@pytest.mark.parametrize("owner", [ORGANISATION, OTHER_ORGANISATION])
def test_an_eppn_is_one_persons_in_all_organisations_whatever_its_case(owner: str) -> None:
    there = scene()
    there.objects.put(owner, "persons", pupil(9, eduPersonPrincipalNames=["X1@B.se"]), 0)
    found = texts(person_findings(pupil(1, eduPersonPrincipalNames=["x1@b.SE"]), there))
    assert found == [("8112", "eppn")]


def test_an_eppn_that_was_changed_is_free_and_that_of_a_removed_person_never() -> None:
    there = scene()
    there.objects.put(ORGANISATION, "persons", pupil(9, eduPersonPrincipalNames=["x1@b.se"]), 0)
    there.objects.put(ORGANISATION, "persons", pupil(9, eduPersonPrincipalNames=["x2@b.se"]), 0)
    assert there.objects.eppn_is_free("X1@b.se", ORGANISATION, numbered(1))
    there.objects.remove(ORGANISATION, "persons", numbered(9))
    assert there.objects.eppn_is_free("x2@b.se", ORGANISATION, numbered(9).upper())
    assert not there.objects.eppn_is_free("x2@b.se", ORGANISATION, numbered(1))


def test_staff_with_a_duty_cannot_become_a_pupil() -> None:
    found = texts(person_findings(pupil(2, emails=[]), scene(with_objects=True)))
    assert found == [("8134", "enrolments")]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (duty(), []),
        (duty(person={"id": numbered(2).upper()}), []),
        (duty(person={"id": UNKNOWN}), [("8160", "person.id")]),
        (duty(person={"id": numbered(1)}), [("8134", "person.id")]),
        (duty(dutyAt={"id": UNKNOWN}), [("8150", "dutyAt.id")]),
        (duty(dutyAt={"id": EXPIRED_UNIT}), [("8151", "dutyAt.id")]),
        (duty(dutyAt={"id": FOREIGN_UNIT}), [("8152", "dutyAt.id")]),
    ],
)
def test_rules_of_a_duty(item: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert texts(duty_findings(item, scene(with_objects=True))) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (group(), []),
        (group(groupType="Undervisning"), []),
        (group(groupMemberships=[]), []),
        (group(groupMemberships=...), []),
        (group(groupType="Mentor"), [("8170", "groupType")]),
        (group(organisation={"id": UNKNOWN}), [("8150", "organisation.id")]),
        (
            group(groupMemberships=[{}, {"person": {"id": numbered(1)}}, {"person": {"id": UNKNOWN}}]),
            [("8171", "groupMemberships[1].person.id")],
        ),
    ],
)
def test_rules_of_a_group(item: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert texts(group_findings(item, scene(with_objects=True))) == expected


def test_a_group_is_kept_without_the_members_that_are_unknown() -> None:
    sent = group(groupMemberships=[{"person": {"id": UNKNOWN}}, {"person": {"id": numbered(1)}}])
    kept = without_unknown_members(sent, scene(with_objects=True))
    assert kept == sent | {"groupMemberships": [{"person": {"id": numbered(1)}}]}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (activity(), []),
        (activity(teachers=...), []),
        (activity(teachers=[{}]), []),
        (activity(activityType="Provaktivitet"), [("8180", "activityType")]),
        (activity(groups=[{"id": numbered(40)}, {"id": UNKNOWN}]), [("8181", "groups[1].id")]),
        (activity(teachers=[{"duty": {"id": numbered(2)}}]), [("8182", "teachers[0].duty.id")]),
        (activity(parentActivity={"id": UNKNOWN}), [("8183", "parentActivity.id")]),
        (activity(parentActivity={"id": GY_EXAM}), [("8184", "parentActivity.id")]),
        (
            activity(parentActivity={"id": GY_EXAM}, groups=[{"id": numbered(40)}, {"id": numbered(40)}]),
            [("8184", "parentActivity.id")],
        ),
        (activity(organisation={"id": FOREIGN_UNIT}), [("8152", "organisation.id")]),
    ],
)
def test_rules_of_an_activity(item: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert texts(activity_findings(item, scene(with_objects=True))) == expected


def test_what_another_organisation_stored_is_unknown() -> None:
    there = scene()
    there.objects.put(OTHER_ORGANISATION, "persons", staff(), 0)
    assert texts(duty_findings(duty(), there)) == [("8160", "person.id")]
