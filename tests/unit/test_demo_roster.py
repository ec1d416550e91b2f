"""Invented rosters: valid, complete in themselves, and the same each time."""

import json
import random
import re
import unicodedata
import uuid
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.demo.names import fold, gives_name_away, letters
from app.demo.people import BirthNumbers, check_digit
from app.demo.roster import RosterPlan, generate, json_chunks, reference_only, roster_only, write

KINDS = ("persons", "duties", "groups", "activities")
Roster = dict[str, Any]


@pytest.fixture(scope="module")
def clean() -> Roster:
    return generate(RosterPlan(persons=2000, schools=5, seed=7))


def calendar_date(number: str) -> date:
    """Reads the date in a birth number of any of the three sorts; raises ValueError when there is none."""
    day = int(number[6:8])
    return date(int(number[:4]), int(number[4:6]), day - 60 if day > 60 else day)


def luhn_holds(number: str) -> bool:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(number[-10:])]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


@pytest.mark.parametrize(("persons", "schools"), [(20, 1), (200, 2), (2000, 5), (2001, 7)])
def test_there_are_as_many_persons_and_schools_as_planned(persons: int, schools: int) -> None:
    made = generate(RosterPlan(persons=persons, schools=schools))
    assert (len(made["persons"]), len(made["schoolUnits"])) == (persons, schools)


@pytest.mark.parametrize(("persons", "schools"), [(19, 1), (2000, 0), (100, 6)])
def test_a_plan_too_small_for_its_schools_is_refused(persons: int, schools: int) -> None:
    with pytest.raises(ValueError, match="at least one school"):
        RosterPlan(persons=persons, schools=schools)


def test_the_same_plan_gives_the_same_roster() -> None:
    plan = RosterPlan(persons=300, schools=2, defects=10)
    assert "".join(json_chunks(generate(plan))) == "".join(json_chunks(generate(plan)))


def test_another_seed_gives_other_people() -> None:
    one, two = (generate(RosterPlan(persons=300, schools=2, seed=seed)) for seed in (1, 2))
    assert not {person["id"] for person in one["persons"]} & {person["id"] for person in two["persons"]}


def test_no_id_login_address_or_birth_number_comes_twice_in_a_large_roster() -> None:
    made = generate(RosterPlan(persons=20_000, schools=10))
    ids = [item["id"] for kind in KINDS for item in made[kind]]
    logins = [person["eduPersonPrincipalNames"][0].lower() for person in made["persons"]]
    addresses = [email["value"] for person in made["persons"] for email in person.get("emails", [])]
    numbers = [person["civicNo"]["value"] for person in made["persons"]]
    doubles = [{value for value, n in Counter(values).items() if n > 1} for values in (ids, logins, addresses, numbers)]
    assert doubles == [set(), set(), set(), set()]


def test_birth_numbers_of_a_used_up_year_go_on_in_the_years_around_it() -> None:
    numbers = BirthNumbers(random.Random(1))
    dealt = [numbers.personnummer(2010, male=True) for _ in range(365 * 10 + 1)]
    assert len(set(dealt)) == len(dealt)
    assert Counter(number[:4] for number in dealt) == {"2010": 3650, "2011": 1}


@pytest.mark.parametrize(("nine", "digit"), [("811218987", "6"), ("670919953", "0"), ("121212121", "2")])
def test_the_check_digit_of_published_examples(nine: str, digit: str) -> None:
    assert check_digit(nine) == digit


def test_birth_numbers_are_valid_and_among_the_reserved_test_numbers(clean: Roster) -> None:
    wrong = []
    for person in clean["persons"]:
        number = person["civicNo"]["value"]
        calendar_date(number)
        if "TF" in number:
            right = re.fullmatch(r"\d{8}TF\d\d", number)
        else:
            right = re.fullmatch(r"\d{8}9[89]\d\d", number) if luhn_holds(number) else None
        if not right:
            wrong.append(person["id"])
    assert wrong == []


def test_all_three_sorts_of_birth_numbers_and_protected_persons_occur(clean: Roster) -> None:
    numbers = [person["civicNo"]["value"] for person in clean["persons"]]
    temporary = sum("TF" in number for number in numbers)
    coordination = sum(number.isdigit() and int(number[6:8]) > 60 for number in numbers)
    protected = sum(person.get("securityMarking", "Ingen") != "Ingen" for person in clean["persons"])
    assert 5 <= temporary <= 60
    assert 5 <= coordination <= 90
    assert 2 <= protected <= 25


def test_pupils_are_of_an_age_for_school_and_staff_for_work(clean: Roster) -> None:
    ages: dict[bool, set[int]] = {True: set(), False: set()}
    for person in clean["persons"]:
        ages["enrolments" in person].add(2026 - calendar_date(person["civicNo"]["value"]).year)
    assert min(ages[True]) >= 6
    assert max(ages[True]) <= 20
    assert min(ages[False]) >= 24
    assert max(ages[False]) <= 66


def test_no_login_says_anything_of_a_name(clean: Roster) -> None:
    """Written out apart from the generator: three letters of the family name, or two of both names."""

    def plain(text: str) -> str:
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        return "".join(sign for sign in decomposed if sign.isascii() and sign.isalpha())

    telling = []
    for person in clean["persons"]:
        local = person["eduPersonPrincipalNames"][0].partition("@")[0].lower()
        given, family = plain(person["givenName"]), plain(person["familyName"])
        if family[:3] in local or (family[:2] in local and given[:2] in local):
            telling.append(person["id"])
    assert telling == []


@pytest.mark.parametrize(
    ("local", "given", "family", "weak"),
    [
        ("xyabd12", "Ann", "Abdi", True),
        ("xyab-d12", "Ann", "Abdi", True),
        ("XYABD12", "Ann", "Abdi", True),
        ("akeab1", "Bo", "Åkesson", True),
        ("ad-77-be", "Bea", "Adelsköld", True),
        ("ad-77-ce", "Bea", "Adelsköld", False),
        ("ode12", "Cai", "Ödegård", True),
        ("afe00", "Cai", "af Ekestad", True),
        ("af-00", "Cai", "af Ekestad", False),
    ],
)
def test_a_login_is_weak_by_three_letters_of_the_family_name_or_two_of_both(
    local: str, given: str, family: str, weak: bool
) -> None:
    assert gives_name_away(local, given, family) is weak


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Åkesson", "akesson"),
        ("Ängström", "angstrom"),
        ("Đorđević", "dordevic"),
        ("Yılmaz", "yilmaz"),
        ("Thảo", "thao"),
    ],
)
def test_names_fold_to_ascii(name: str, folded: str) -> None:
    assert fold(name) == folded


def test_staff_have_a_staff_address_in_ascii_made_of_their_names(clean: Roster) -> None:
    staff = [person for person in clean["persons"] if "enrolments" not in person]
    assert {email["type"] for person in staff for email in person["emails"]} == {"Skola personal"}
    for person in staff:
        stem = f"{letters(person['givenName'])}.{letters(person['familyName'])}"
        assert re.fullmatch(rf"{stem}\d*@exempelkoping\.se", person["emails"][0]["value"])


def test_swedish_foreign_double_and_hyphenated_names_occur(clean: Roster) -> None:
    names = " ".join(f"{person['givenName']}_{person['familyName']}" for person in clean["persons"])
    assert set("åäöÅÄÖ") <= set(names)
    assert re.search(r"\w-\w+_", names)
    assert re.search(r"_\w+-\w", names)
    assert re.search(r"[ćłıñ]", names)


def test_ids_of_skolverkets_own_objects_are_computed_from_their_codes(clean: Roster) -> None:
    named = {clean["huvudman"]["id"]: clean["huvudman"]["organisationNumber"]}
    named |= {unit["id"]: unit["schoolUnitCode"] for unit in clean["schoolUnits"]}
    named |= {programme["id"]: programme["educationCode"] for programme in clean["programmes"]}
    named |= {exam["id"]: exam["displayName"] for exam in clean["nationalActivities"]}
    assert named == {str(uuid.uuid5(uuid.UUID(int=0), name)): name for name in named.values()}
    assert {uuid.UUID(item["id"]).version for kind in KINDS for item in clean[kind]} == {4}


def test_every_reference_leads_somewhere(clean: Roster) -> None:
    known = {key: {item["id"] for item in clean[key]} for key in (*KINDS, "schoolUnits", "nationalActivities")}
    used: dict[str, set[str]] = {key: set() for key in known}
    for person in clean["persons"]:
        used["schoolUnits"] |= {enrolment["enroledAt"]["id"] for enrolment in person.get("enrolments", [])}
    for duty in clean["duties"]:
        used["persons"].add(duty["person"]["id"])
        used["schoolUnits"].add(duty["dutyAt"]["id"])
    for group in clean["groups"]:
        used["persons"] |= {member["person"]["id"] for member in group["groupMemberships"]}
        used["schoolUnits"].add(group["organisation"]["id"])
    for activity in clean["activities"]:
        used["groups"] |= {group["id"] for group in activity["groups"]}
        used["duties"] |= {teacher["duty"]["id"] for teacher in activity["teachers"]}
        used["schoolUnits"].add(activity["organisation"]["id"])
        used["nationalActivities"].add(activity["parentActivity"]["id"])
    assert {key: used[key] - known[key] for key in known} == {key: set() for key in known}
    assert used["persons"] == known["persons"]


def test_each_pupil_is_in_one_class_and_no_group_is_empty(clean: Roster) -> None:
    classes = Counter(
        member["person"]["id"]
        for group in clean["groups"]
        if group["groupType"] == "Klass"
        for member in group["groupMemberships"]
    )
    assert classes == {person["id"]: 1 for person in clean["persons"] if "enrolments" in person}
    assert min(len(group["groupMemberships"]) for group in clean["groups"]) >= 1
    assert {group["groupType"] for group in clean["groups"]} == {"Klass", "Undervisning"}


def test_an_activity_has_the_exam_of_its_pupils_and_few_groups_and_teachers(clean: Roster) -> None:
    exams = {exam["id"]: (exam["schoolType"], exam.get("schoolYear")) for exam in clean["nationalActivities"]}
    groups = {group["id"]: group for group in clean["groups"]}
    pupils = {person["id"]: person["enrolments"][0] for person in clean["persons"] if "enrolments" in person}
    for activity in clean["activities"]:
        school_type, year = exams[activity["parentActivity"]["id"]]
        members = [groups[group["id"]] for group in activity["groups"]]
        assert {group["schoolType"] for group in members} == {school_type}
        taught = [pupils[one["person"]["id"]] for group in members for one in group["groupMemberships"]]
        assert {pupil["schoolType"] for pupil in taught} == {school_type}
        assert year is None or {pupil["schoolYear"] for pupil in taught} == {year}
    assert {len(activity["groups"]) for activity in clean["activities"]} == {1, 2, 3}
    assert {len(activity["teachers"]) for activity in clean["activities"]} == {1, 2}


def test_grundskola_has_school_years_and_gymnasium_education_codes(clean: Roster) -> None:
    codes = {programme["educationCode"] for programme in clean["programmes"]}
    enrolments = [enrolment for person in clean["persons"] for enrolment in person.get("enrolments", [])]
    wrong = [
        enrolment
        for enrolment in enrolments
        if (enrolment["schoolType"], enrolment.get("schoolYear")) not in {("GR", year) for year in range(1, 10)}
        and (enrolment["schoolType"], enrolment.get("educationCode")) not in {("GY", code) for code in codes}
    ]
    assert wrong == []
    assert {enrolment["schoolType"] for enrolment in enrolments} == {"GR", "GY"}


def test_objects_have_the_fields_of_skolverkets_schema_and_no_others(clean: Roster) -> None:
    fields = {kind: set().union(*clean[kind]) for kind in KINDS}
    person = "id givenName middleName familyName eduPersonPrincipalNames externalIdentifiers securityMarking civicNo"
    assert fields == {
        "persons": {*person.split(), "emails", "enrolments"},
        "duties": {"id", "person", "dutyAt", "dutyRole"},
        "groups": {"id", "displayName", "groupType", "schoolType", "organisation", "groupMemberships"},
        "activities": {
            *("id", "displayName", "activityType", "groups", "teachers", "organisation", "parentActivity"),
        },
    }


def test_a_plan_without_defects_plants_none(clean: Roster) -> None:
    assert clean["planted"] == []


def test_a_written_file_reads_back_as_what_was_generated(tmp_path: Path) -> None:
    plan = RosterPlan(persons=400, schools=4, seed=5, defects=40)
    write(plan, tmp_path / "roster.json")
    read = json.loads((tmp_path / "roster.json").read_text("ascii"))
    assert read == generate(plan)
    assert any(entry["defect"] == "name_not_utf8" for entry in read["planted"])


@pytest.mark.parametrize("value", [{}, [], {"a": []}, {"a": {}, "b": [{"c": 1}, 2]}, "å", None])
def test_pieces_of_json_make_up_the_value(value: Any) -> None:
    assert json.loads("".join(json_chunks(value))) == value


def test_the_two_halves_of_what_is_generated(clean: Roster) -> None:
    assert list(roster_only(clean)) == list(KINDS)
    assert list(reference_only(clean)) == ["huvudman", "schoolUnits", "programmes", "nationalActivities"]
    assert {**reference_only(clean), **roster_only(clean), "planted": []} == clean
