"""Spoiled records: each is wrong in the way that its defect says, and nothing else is wrong."""

import re
import uuid
from datetime import date
from typing import Any

import pytest

from app.demo.defect_table import DEFECTS
from app.demo.names import letters
from app.demo.roster import RosterPlan, generate

KINDS = ("persons", "duties", "groups", "activities")
Roster = dict[str, Any]


@pytest.fixture(scope="module")
def twins() -> tuple[Roster, Roster]:
    """The same roster without and with defects: several of each in the table."""
    return (
        generate(RosterPlan(persons=3000, schools=6, seed=3)),
        generate(RosterPlan(persons=3000, schools=6, seed=3, defects=3 * len(DEFECTS))),
    )


def calendar_date(number: str) -> date:
    """Reads the date in a birth number of any of the three sorts; raises ValueError when there is none."""
    day = int(number[6:8])
    return date(int(number[:4]), int(number[4:6]), day - 60 if day > 60 else day)


def luhn_holds(number: str) -> bool:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(number[-10:])]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def changed(twins: tuple[Roster, Roster], kind: str) -> dict[str, tuple[Any, Any]]:
    """The records of a kind that differ between the two rosters, by id: before and after."""
    before, after = twins
    pairs = zip(before[kind], after[kind], strict=True)
    return {old["id"]: (old, new) for old, new in pairs if old != new}


def test_a_dozen_defects_are_of_many_sorts_and_reach_all_stages() -> None:
    for seed in range(5):
        planted = generate(RosterPlan(persons=500, schools=4, seed=seed, defects=12))["planted"]
        assert len({entry["id"] for entry in planted}) == 12
        assert len({entry["defect"] for entry in planted}) == 12
        assert {entry["kind"] for entry in planted} == set(KINDS)


def test_exactly_the_planted_records_differ_from_the_clean_roster(twins: tuple[Roster, Roster]) -> None:
    listed = {(entry["kind"], entry["id"]) for entry in twins[1]["planted"]}
    assert {(kind, one) for kind in KINDS for one in changed(twins, kind)} == listed
    assert len(listed) == 3 * len(DEFECTS)


def test_no_planted_record_depends_on_another_one(twins: tuple[Roster, Roster]) -> None:
    spoiled = {entry["id"] for entry in twins[1]["planted"]}
    for duty in changed(twins, "duties").values():
        assert duty[0]["person"]["id"] not in spoiled
    for activity in changed(twins, "activities").values():
        assert not {group["id"] for group in activity[0]["groups"]} & spoiled
    assert not {entry[also] for entry in twins[1]["planted"] for also in ("other", "pupil") if also in entry} & spoiled


def test_more_defects_than_records_are_refused() -> None:
    with pytest.raises(ValueError, match="has room for"):
        generate(RosterPlan(persons=20, schools=1, defects=500))


def no_such_date(number: str) -> bool:
    try:
        calendar_date(number)
    except ValueError:
        return True
    return False


def login(person: Any) -> str:
    return str(person["eduPersonPrincipalNames"][0])


# What each defect must have made of a record: (before, after, the whole spoiled roster) -> as it says.
TELLS: dict[str, Any] = {
    "civic_check_digit": lambda a, b, r: luhn_holds(a["civicNo"]["value"]) and not luhn_holds(b["civicNo"]["value"]),
    "civic_no_such_date": lambda a, b, r: luhn_holds(b["civicNo"]["value"]) and no_such_date(b["civicNo"]["value"]),
    "temporary_no_such_date": lambda a, b, r: no_such_date(b["civicNo"]["value"]) and "TF" in b["civicNo"]["value"],
    "coordination_no_such_date": lambda a, b, r: no_such_date(b["civicNo"]["value"]) and b["civicNo"]["value"][6] > "5",
    "coordination_check_digit": lambda a, b, r: (
        luhn_holds(a["civicNo"]["value"])
        and not luhn_holds(b["civicNo"]["value"])
        and not no_such_date(b["civicNo"]["value"])
    ),
    "civic_ten_digits": lambda a, b, r: re.fullmatch(r"\d{6}-\d{4}", b["civicNo"]["value"]),
    "civic_missing": lambda a, b, r: "civicNo" not in b,
    "middle_name_null": lambda a, b, r: b["middleName"] is None,
    "middle_name_number": lambda a, b, r: b["middleName"] == 7,
    "name_blank": lambda a, b, r: b["familyName"] == " \u200b",
    "name_invisible_character": lambda a, b, r: b["givenName"] == a["givenName"] + "\u200b",
    "surplus": lambda a, b, r: (
        {"addresses", "phoneNumbers", "responsibles", "birthDate"} < b.keys() - a.keys()
        and {"startDate"} == b["enrolments"][0].keys() - a["enrolments"][0].keys()
        and {"id", "displayName"} == b["enrolments"][0]["enroledAt"].keys()
    ),
    "emails_null": lambda a, b, r: b["emails"] is None and "emails" not in a and "enrolments" in b,
    "name_not_utf8": lambda a, b, r: b["givenName"].encode("utf-8", "ignore").decode() == a["givenName"],
    "marking_unknown": lambda a, b, r: (
        b["securityMarking"] not in {"Ingen", "Sekretessmarkering", "Skyddad folkbokföring"}
    ),
    "staff_without_email": lambda a, b, r: "enrolments" not in b and "emails" not in b,
    "staff_email_private": lambda a, b, r: "enrolments" not in b and b["emails"][0]["type"] == "Privat",
    "email_malformed": lambda a, b, r: "@" not in b["emails"][0]["value"],
    "email_of_pupil_malformed": lambda a, b, r: b["emails"][0]["value"].endswith(" ") and "enrolments" in b,
    "email_of_pupil_private": lambda a, b, r: b["emails"][0]["type"] == "Privat" and "enrolments" in b,
    "eduid_two": lambda a, b, r: len(b["externalIdentifiers"]) == 2 and "enrolments" not in b,
    "eduid_of_pupil": lambda a, b, r: "enrolments" in b and len(b["externalIdentifiers"]) == 1,
    "eppn_duplicate": lambda a, b, r: (
        [login(p).lower() for p in r["persons"] if p.get("eduPersonPrincipalNames")].count(login(b).lower()) == 2
    ),
    "eppn_name_letters": lambda a, b, r: letters(b["familyName"])[:3] in login(b).partition("@")[0],
    "eppn_space": lambda a, b, r: " " in login(b),
    "eppn_invisible_character": lambda a, b, r: login(b) != login(a) == login(b).replace("\u200b", ""),
    "eppn_without_at": lambda a, b, r: "@" not in login(b),
    "eppn_empty": lambda a, b, r: b["eduPersonPrincipalNames"] == [],
    "eppn_missing": lambda a, b, r: "eduPersonPrincipalNames" not in b,
    "eppn_two": lambda a, b, r: len(set(b["eduPersonPrincipalNames"])) == 2,
    "school_year_missing": lambda a, b, r: (
        b["enrolments"][0]["schoolType"] == "GR" and "schoolYear" not in b["enrolments"][0]
    ),
    "school_year_text": lambda a, b, r: b["enrolments"][0]["schoolYear"] == str(a["enrolments"][0]["schoolYear"]),
    "school_year_0": lambda a, b, r: b["enrolments"][0]["schoolYear"] == 0,
    "school_type_unknown": lambda a, b, r: b["enrolments"][0]["schoolType"] == "FSK",
    "school_unit_unknown": lambda a, b, r: unknown_unit(b["enrolments"][0]["enroledAt"]["id"], r),
    "school_unit_code": lambda a, b, r: re.fullmatch(r"\d{8}", b["enrolments"][0]["enroledAt"]["id"]),
    "enrolment_ended": lambda a, b, r: date.fromisoformat(b["enrolments"][0]["endDate"]) < date(2026, 1, 1),
    "enrolment_twice": lambda a, b, r: b["enrolments"] == a["enrolments"] * 2,
    "education_code_missing": lambda a, b, r: (
        b["enrolments"][0]["schoolType"] == "GY" and "educationCode" not in b["enrolments"][0]
    ),
    "education_code_unknown": lambda a, b, r: (
        b["enrolments"][0]["educationCode"] not in {programme["educationCode"] for programme in r["programmes"]}
    ),
    "duty_person_unknown": lambda a, b, r: b["person"]["id"] not in {person["id"] for person in r["persons"]},
    "duty_of_pupil": lambda a, b, r: (
        b["person"]["id"] in {person["id"] for person in r["persons"] if "enrolments" in person}
    ),
    "duty_school_unit_unknown": lambda a, b, r: unknown_unit(b["dutyAt"]["id"], r),
    "duty_role_unknown": lambda a, b, r: b["dutyRole"] == "Vaktmästare",
    "group_member_unknown": lambda a, b, r: (
        b["groupMemberships"][:-1] == a["groupMemberships"]
        and b["groupMemberships"][-1]["person"]["id"] not in {person["id"] for person in r["persons"]}
    ),
    "group_member_no_uuid": lambda a, b, r: len(b["groupMemberships"][0]["person"]["id"]) < 32,
    "group_member_twice": lambda a, b, r: b["groupMemberships"] == [*a["groupMemberships"], a["groupMemberships"][-1]],
    "group_members_null": lambda a, b, r: b["groupMemberships"] is None,
    "group_type_mentor": lambda a, b, r: b["groupType"] == "Mentor",
    "activity_teacher_is_person": lambda a, b, r: (
        b["teachers"][0]["duty"]["id"] in {person["id"] for person in r["persons"]}
    ),
    "activity_teacher_no_uuid": lambda a, b, r: len(b["teachers"][0]["duty"]["id"]) < 32,
    "activity_group_twice": lambda a, b, r: b["groups"] == [*a["groups"], a["groups"][-1]],
    "activity_group_unknown": lambda a, b, r: b["groups"][-1]["id"] not in {group["id"] for group in r["groups"]},
    "activity_without_groups": lambda a, b, r: b["groups"] == [],
    "activity_exam_unknown": lambda a, b, r: exam_type(b, r) is None,
    "activity_exam_other_school_type": lambda a, b, r: {exam_type(a, r), exam_type(b, r)} == {"GR", "GY"},
    "activity_no_teaching": lambda a, b, r: b["activityType"] == "Elevaktivitet",
}


def unknown_unit(unit: str, roster: Roster) -> bool:
    uuid.UUID(unit)
    return unit not in {known["id"] for known in roster["schoolUnits"]}


def exam_type(activity: Any, roster: Roster) -> str | None:
    types = {exam["id"]: exam["schoolType"] for exam in roster["nationalActivities"]}
    return types.get(activity["parentActivity"]["id"])


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_what_it_says(defect: Any, twins: tuple[Roster, Roster]) -> None:
    entries = [entry for entry in twins[1]["planted"] if entry["defect"] == defect.name]
    assert len(entries) == 3
    for entry in entries:
        assert (entry["kind"], entry["outcome"]) == (defect.kind, defect.outcome)
        before, after = changed(twins, defect.kind)[entry["id"]]
        assert TELLS[defect.name](before, after, twins[1])


def test_a_shared_login_names_the_person_who_comes_first(twins: tuple[Roster, Roster]) -> None:
    order = [person["id"] for person in twins[1]["persons"]]
    persons = {person["id"]: person for person in twins[1]["persons"]}
    for entry in twins[1]["planted"]:
        if entry["defect"] == "eppn_duplicate":
            assert order.index(entry["other"]) < order.index(entry["id"])
            assert login(persons[entry["other"]]).lower() == login(persons[entry["id"]]).lower()
