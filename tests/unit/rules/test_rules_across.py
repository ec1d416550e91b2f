"""What the rules say of objects in the light of each other."""

from uuid import UUID

import pytest

from app.domain.reading import Reading, findings_of
from app.domain.roster import RosterObject
from app.domain.rules.check import RosterCheck
from app.domain.rules.parts import MOST_ISSUES
from app.skolverket.published import PUBLISHED
from tests.unit.rules.rosters import (
    EXAM,
    GIVEN,
    NO_EXAMS,
    across,
    activity,
    changed,
    duty,
    enrolment,
    group,
    pupil,
    read,
    ref,
    short,
    staff,
    uuid,
)

FIRST = "/eduPersonPrincipalNames/0"


def login(eppn: str) -> dict[str, list[str]]:
    return {"eduPersonPrincipalNames": [eppn]}


def test_nothing_is_said_of_a_roster_that_is_right() -> None:
    found = across(
        persons=[pupil(1), pupil(2), staff(3)],
        duties=[duty(4, 3)],
        groups=[group(5, [1, 2], groupType="Klass"), group(6, [1, 2])],
        activities=[activity(7, [6], [4])],
    )
    assert found == []


def test_the_order_of_the_lists_makes_no_difference() -> None:
    found = across(
        activities=[activity(7, [6], [4])],
        groups=[group(6, [1, 2])],
        duties=[duty(4, 3)],
        persons=[pupil(1), pupil(2), staff(3)],
    )
    assert found == []


def test_a_login_is_one_persons_whatever_its_case() -> None:
    persons = [pupil(1, **login("a1@x.se")), pupil(2), pupil(3, **login("A1@X.se")), pupil(4, **login("a1@x.se"))]
    found = across(persons=persons)
    assert short(found) == [
        ("persons", 0, "eppn_twice", FIRST, [3, 4]),
        ("persons", 2, "eppn_twice", FIRST, [1, 4]),
        ("persons", 3, "eppn_twice", FIRST, [1, 3]),
    ]
    assert {each.issue.severity for each in found} == {"error"}
    assert [each.object_id for each in found] == [uuid(1), uuid(3), uuid(4)]


def test_logins_that_are_composed_otherwise_are_the_same() -> None:
    found = across(persons=[pupil(1, **login("\xe5@x.se")), pupil(2, **login("a\u030a@x.se"))])
    assert [each.issue.code for each in found] == ["eppn_twice", "eppn_twice"]


def test_a_person_without_one_login_shares_none() -> None:
    persons = [pupil(n, eduPersonPrincipalNames=given) for n, given in enumerate([[], [], ["a", "b"], ["a", "b"], [7]])]
    assert across(persons=persons) == []


@pytest.mark.parametrize("character", ["\u200b", "\ufeff", "\xad", "\u2060", "\u202e", "\0", " ", "\t", "\xa0"])
def test_a_login_with_what_nobody_sees_names_the_one_that_it_looks_like(character: str) -> None:
    persons = [pupil(1, **login(f"A{character}1@x.se")), pupil(2, **login("a1@x.se")), pupil(3, **login("a2@x.se"))]
    found = across(persons=persons)
    assert short(found) == [
        ("persons", 0, "eppn_look_alike", FIRST, [2]),
        ("persons", 1, "eppn_look_alike", FIRST, [1]),
    ]


def test_two_that_are_the_same_do_not_just_look_so() -> None:
    persons = [pupil(1, **login("a 1@x.se")), pupil(2, **login("a 1@x.se"))]
    assert [each.issue.code for each in across(persons=persons)] == ["eppn_twice", "eppn_twice"]


def test_a_civic_number_is_one_persons() -> None:
    number = pupil(1)["civicNo"]
    found = across(persons=[pupil(1), pupil(2), staff(3, civicNo=number)], duties=[duty(4, 3)])
    assert short(found) == [
        ("persons", 0, "civic_no_twice", "/civicNo/value", [3]),
        ("persons", 2, "civic_no_twice", "/civicNo/value", [1]),
    ]


def test_a_thousand_with_the_same_login_name_twenty_others_each() -> None:
    found = across(persons=[pupil(n, **login("a1@x.se")) for n in range(1000)])
    assert [len(each.issue.ids) for each in found] == [MOST_ISSUES] * 1000


def test_a_pupil_with_a_duty_is_two_persons() -> None:
    found = across(persons=[pupil(1)], duties=[duty(2, 1)])
    assert short(found) == [("duties", 0, "pupil_and_staff", "/person/id", [1])]


def test_a_duty_is_a_persons_of_the_roster() -> None:
    found = across(persons=[staff(1)], duties=[duty(2, 1), duty(3, 9), changed(duty(4, 1), {"person": ref("x")})])
    assert short(found) == [("duties", 1, "duty_person_unknown", "/person/id", [])]


def test_a_person_has_an_enrolment_or_a_duty() -> None:
    found = across(persons=[staff(1), staff(2), pupil(3), staff(4, enrolments=[])], duties=[duty(5, 2)])
    assert short(found) == [("persons", 0, "no_account", "", []), ("persons", 3, "no_account", "", [])]


def test_guardians_are_counted_and_not_sent() -> None:
    persons = [
        staff(1, eduPersonPrincipalNames=[]),
        staff(2, eduPersonPrincipalNames=None),
        staff(3, eduPersonPrincipalNames=[]),
        pupil(4, eduPersonPrincipalNames=[]),
        staff(5, eduPersonPrincipalNames=None, enrolments=[]),
        staff(6, eduPersonPrincipalNames=None, enrolments="none"),
        staff(7, eduPersonPrincipalNames="none"),
    ]
    check = read(persons=persons, duties=[duty(8, 3)])
    assert check.guardians() == [0, 1, 4]
    counted = [each for each in check.across() if each.object_id is None]
    assert [(each.kind, each.ordinal, each.issue.code, each.count) for each in counted] == [
        ("persons", -1, "guardian", 3)
    ]


def test_what_guardians_go_without_is_not_counted() -> None:
    """They do not go at all; staff without a login are no guardians."""
    guardian, teacher = (staff(number, eduPersonPrincipalNames=None, birthDate="1980-01-01") for number in (1, 2))
    given = [
        ("persons", guardian),
        ("persons", teacher),
        ("persons", pupil(3, birthDate="2012-02-02")),
        ("duties", duty(4, 2)),
    ]
    objects = (RosterObject(kind, place, UUID(item["id"]), item) for place, (kind, item) in enumerate(given))
    found = findings_of(Reading(PUBLISHED.outgoing, PUBLISHED.body_form, GIVEN), objects)
    counted = {(each.issue.code, each.issue.pointer): each.count for each in found if each.object_id is None}
    assert counted["guardian", ""] == 1
    assert counted["property_left_out", "/birthDate"] == 2, "of the teacher and the pupil"


@pytest.mark.parametrize(("at_target", "found"), [([], ["group_member_unknown"]), ([2], [])])
def test_a_guardian_is_a_member_whom_the_target_does_not_know(at_target: list[int], found: list[str]) -> None:
    """Unless it has them from before: they are asked for as somebody who is not in the roster."""
    check = read(persons=[pupil(1), staff(2, eduPersonPrincipalNames=None)], groups=[group(5, [1, 2])])
    assert check.guardians() == [1]
    assert check.facts.outside()["persons"] == {uuid(2).bytes}
    check.facts.at_target["persons"] = {uuid(each).bytes for each in at_target}
    assert [each.issue.code for each in check.across() if each.object_id is not None] == found


def test_members_are_in_the_roster() -> None:
    members = [{"person": ref(1)}, {"person": ref(9)}, {}, {"person": {"id": "x"}}, {"person": ref(8)}]
    found = across(persons=[pupil(1)], groups=[group(5, [], groupMemberships=members)])
    assert short(found) == [
        ("groups", 0, "group_member_unknown", "/groupMemberships/1/person/id", []),
        ("groups", 0, "group_member_unknown", "/groupMemberships/4/person/id", []),
    ]
    assert {each.issue.severity for each in found} == {"warning"}
    assert len(across(groups=[group(5, range(10, 100))])) == MOST_ISSUES


def test_what_the_target_has_from_before_is_no_reference_to_nothing() -> None:
    check = read(
        duties=[duty(1, 11)],
        groups=[group(2, [12, 13])],
        activities=[activity(3, [2, 14], [1, 15])],
    )
    assert check.facts.outside() == {
        "persons": {uuid(n).bytes for n in (11, 12, 13)},
        "duties": {uuid(15).bytes},
        "groups": {uuid(14).bytes},
    }
    for kind, numbers in (("persons", (11, 12)), ("duties", (14, 15)), ("groups", (14,))):
        check.facts.at_target[kind] = {uuid(n).bytes for n in numbers}
    assert short(check.across()) == [("groups", 0, "group_member_unknown", "/groupMemberships/1/person/id", [])]


def test_a_pupil_is_in_one_class() -> None:
    klass = {"groupType": "Klass"}
    found = across(
        persons=[pupil(1), pupil(2)],
        groups=[group(5, [1, 2], **klass), group(6, [2]), group(7, [9, 2], **klass), group(8, [1, 1], **klass)],
    )
    assert short(each for each in found if each.issue.code == "pupil_in_classes") == [
        ("groups", 0, "pupil_in_classes", "/groupMemberships/0/person/id", [1, 8]),
        ("groups", 0, "pupil_in_classes", "/groupMemberships/1/person/id", [2, 7]),
        ("groups", 2, "pupil_in_classes", "/groupMemberships/1/person/id", [2, 5]),
        ("groups", 3, "pupil_in_classes", "/groupMemberships/0/person/id", [1, 5]),
        ("groups", 3, "pupil_in_classes", "/groupMemberships/1/person/id", [1, 5]),
    ]


@pytest.mark.parametrize(
    ("enrolments", "mixed"),
    [
        ([enrolment(schoolYear=8)], True),
        ([enrolment(schoolYear=9)], False),
        ([enrolment(schoolYear=None)], False),
        ([enrolment(schoolYear="8")], False),
        ([enrolment(schoolYear=True)], False),
        ([enrolment(schoolYear=8, cancelled=True), enrolment()], False),
        ([enrolment(schoolYear=8), enrolment(schoolYear=7)], False),
    ],
)
def test_the_pupils_of_a_group_are_in_one_year(enrolments: list[dict[str, object]], mixed: bool) -> None:
    found = across(persons=[pupil(1), pupil(2, enrolments=enrolments)], groups=[group(5, [1, 2])])
    assert short(found) == ([("groups", 0, "group_mixed_years", "/groupMemberships", [])] if mixed else [])


def test_groups_and_teachers_of_an_activity_are_in_the_roster() -> None:
    found = across(
        persons=[pupil(1), staff(2)],
        duties=[duty(3, 2)],
        groups=[group(5, [1])],
        activities=[activity(6, [5, 9], [2, 3])],
    )
    assert short(found) == [
        ("activities", 0, "activity_group_unknown", "/groups/1/id", []),
        ("activities", 0, "activity_teacher_unknown", "/teachers/0/duty/id", []),
    ]
    assert {each.issue.severity for each in found} == {"error"}


def test_a_teacher_is_at_the_unit_of_the_activity() -> None:
    found = across(
        persons=[pupil(1), staff(2)],
        duties=[duty(3, 2), duty(4, 2, dutyAt=ref(NO_EXAMS)), duty(7, 2, dutyAt=None)],
        groups=[group(5, [1])],
        activities=[activity(6, [5], [3, 4, 7])],
    )
    assert short(found) == [("activities", 0, "teacher_of_other_unit", "/teachers/1/duty/id", [4])]


@pytest.mark.parametrize(
    ("changes", "year", "code"),
    [
        ({}, 9, None),
        ({"schoolType": "SP"}, 9, "exam_school_type"),
        ({"schoolType": "FSK"}, 9, None),
        ({"schoolType": ["GR"]}, 9, None),
        ({}, 8, "exam_school_year"),
        ({}, None, None),
    ],
)
def test_the_exam_is_that_of_the_groups(changes: dict[str, object], year: int | None, code: str | None) -> None:
    found = across(
        persons=[pupil(1, enrolments=[enrolment(schoolYear=year)]), staff(2)],
        duties=[duty(3, 2)],
        groups=[changed(group(5, [1]), changes)],
        activities=[activity(6, [5, 5], [3])],
    )
    expected = [("activities", 0, code, "/parentActivity/id", [5])] if code else []
    assert short(found) == expected


def test_places_are_those_of_the_list_though_one_was_not_read() -> None:
    check = RosterCheck(GIVEN)
    for ordinal in (3, 7):
        check.of_object("persons", ordinal, uuid(ordinal), pupil(ordinal, **login("a1@x.se")))
    assert [(each.ordinal, each.object_id) for each in check.across()] == [(3, uuid(3)), (7, uuid(7))]


def test_ids_are_read_in_any_case() -> None:
    upper = str(UUID(EXAM)).upper()
    found = across(
        persons=[pupil(0xAB), staff(2)],
        duties=[duty(3, 2)],
        groups=[group(5, [], groupMemberships=[{"person": ref(str(uuid(0xAB)).upper())}])],
        activities=[activity(6, [5], [3], parentActivity=ref(upper))],
    )
    assert found == []
