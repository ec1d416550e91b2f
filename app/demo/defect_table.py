"""Every way in which a record of an invented roster can be wrong, and what comes of it."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from app.demo.defect import Defect, Item, Outcome, Scene, Spoiler
from app.demo.names import fold, gives_name_away, letters, random_id
from app.demo.people import with_check_digit


def _anyone(_: Item) -> bool:
    return True


def _pupil(person: Item) -> bool:
    return "enrolments" in person


def _staff(person: Item) -> bool:
    return "enrolments" not in person


def _in_grundskola(person: Item) -> bool:
    return _pupil(person) and person["enrolments"][0]["schoolType"] == "GR"


def _in_gymnasium(person: Item) -> bool:
    return _pupil(person) and person["enrolments"][0]["schoolType"] == "GY"


def _has_personnummer(person: Item) -> bool:
    number: str = person["civicNo"]["value"]
    return number.isdigit() and int(number[6:8]) <= 31


def _has_temporary_number(person: Item) -> bool:
    return "TF" in person["civicNo"]["value"]


def _has_coordination_number(person: Item) -> bool:
    number: str = person["civicNo"]["value"]
    return number.isdigit() and int(number[6:8]) > 60


def _pupil_with_email(person: Item) -> bool:
    return _pupil(person) and "emails" in person


def _pupil_without_email(person: Item) -> bool:
    return _pupil(person) and "emails" not in person


def _family_starts_with_letters(person: Item) -> bool:
    # A letter that is written as two, such as æ, leaves open which three letters are meant.
    start = person["familyName"][:3]
    return all(len(fold(letter)) == 1 for letter in start) and len(start) == 3 and fold(start).isalpha()


def _put(path: str, make: Callable[[Any, Scene], Any]) -> Spoiler:
    """Makes a spoiler that replaces the value at a path by one made of it."""

    def spoil(item: Item, scene: Scene) -> Mapping[str, str]:
        holder, key = _reach(item, path)
        absent = isinstance(holder, dict) and key not in holder
        holder[key] = make(None if absent else holder[key], scene)
        return {}

    return spoil


def _add(path: str, make: Callable[[str], Item]) -> Spoiler:
    """Makes a spoiler that adds to the list at a path a reference to what is not in the roster."""
    return _put(path, lambda old, scene: [*old, make(random_id(scene.rng))])


def _drop(path: str) -> Spoiler:
    """Makes a spoiler that takes the value at a path away."""

    def spoil(item: Item, _: Scene) -> Mapping[str, str]:
        holder, key = _reach(item, path)
        del holder[key]
        return {}

    return spoil


def _reach(item: Item, path: str) -> tuple[Any, Any]:
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]
    holder: Any = item
    for key in keys[:-1]:
        holder = holder[key]
    return holder, keys[-1]


def _twice(path: str) -> Spoiler:
    """Makes a spoiler that doubles the last item of the list at a path."""
    return _put(path, lambda old, _: [*old, copy.deepcopy(old[-1])])


def _share_login(person: Item, scene: Scene) -> Mapping[str, str] | None:
    """Takes over the login of somebody before in the list, in capitals: logins differ without regard to case."""
    for owner in reversed(scene.before):
        login = owner["eduPersonPrincipalNames"][0]
        # With the other's name letters in it the login would be two defects at once.
        if not gives_name_away(login.partition("@")[0], person["givenName"], person["familyName"]):
            person["eduPersonPrincipalNames"] = [login.upper()]
            return {"other": owner["id"]}
    return None


def _login_from_name(person: Item, _: Scene) -> Mapping[str, str]:
    local, domain = person["eduPersonPrincipalNames"][0].split("@")
    person["eduPersonPrincipalNames"] = [f"{letters(person['familyName'])[:6]}{local[:8]}@{domain}"]
    return {}


def _exam_of_other_school_type(activity: Item, scene: Scene) -> Mapping[str, str]:
    exams = scene.roster["nationalActivities"]
    own = next(exam["schoolType"] for exam in exams if exam["id"] == activity["parentActivity"]["id"])
    activity["parentActivity"]["id"] = scene.rng.choice([e["id"] for e in exams if e["schoolType"] != own])
    return {}


def _duty_of_pupil(duty: Item, scene: Scene) -> Mapping[str, str] | None:
    pupils = [one["id"] for one in scene.roster["persons"] if _pupil(one) and one["id"] not in scene.taken]
    if not pupils:
        return None
    duty["person"]["id"] = scene.rng.choice(pupils)
    return {"pupil": duty["person"]["id"]}


def _more_than_needed(person: Item, scene: Scene) -> Mapping[str, str]:
    """Adds what a register knows of a child besides, also within what is needed."""
    person |= {
        "birthDate": f"{person['civicNo']['value'][:4]}-01-01",
        "addresses": [{"type": "Folkbokföring", "streetAddress": "Påhittade gatan 1", "postalCode": "000 00"}],
        "phoneNumbers": [{"value": "+46700000000", "mobile": True}],
        "responsibles": [{"person": {"id": random_id(scene.rng)}, "relationType": "Vårdnadshavare"}],
        "localNote": None,
    }
    person["enrolments"][0]["startDate"] = "2020-08-15"
    person["enrolments"][0]["enroledAt"]["displayName"] = "Skolan"
    return {}


def _next_digit(number: str) -> str:
    return f"{number[:11]}{(int(number[11]) + 1) % 10}"


def _month_13(number: str) -> str:
    return with_check_digit(f"{number[:4]}13{number[6:11]}")


def _unknown(_: Any, scene: Scene) -> str:
    return random_id(scene.rng)


def _person_of_a_duty(_: Any, scene: Scene) -> str:
    return str(scene.rng.choice(scene.roster["duties"])["person"]["id"])


_INVISIBLE = "\u200b"  # a space without width
_CIVIC = "civicNo.value"
_EPPN = "eduPersonPrincipalNames"
_LOGIN = f"{_EPPN}.0"
_ENROLMENT = "enrolments.0"
_YEAR = "enrolments.0.schoolYear"
_UNIT = "enrolments.0.enroledAt.id"
_CODE = "enrolments.0.educationCode"
_EDUID = {"value": "lorem-dolor@eduid.se", "context": "https://eduid.se", "globallyUnique": True}

_Row = (
    tuple[str, Outcome, Callable[[Item], bool], Spoiler] | tuple[str, Outcome, Callable[[Item], bool], Spoiler, Outcome]
)


def _at_at(old: str) -> str:
    return old.replace("@", "(at)")


# Name, outcome, whom it fits, what it does, and the outcome of the whole record where that is another one.
_PERSONS: tuple[_Row, ...] = (
    ("civic_check_digit", "error", _has_personnummer, _put(_CIVIC, lambda old, _: _next_digit(old))),
    ("civic_no_such_date", "error", _has_personnummer, _put(_CIVIC, lambda old, _: _month_13(old))),
    ("temporary_no_such_date", "error", _has_temporary_number, _put(_CIVIC, lambda old, _: f"{old[:4]}13{old[6:]}")),
    ("coordination_no_such_date", "error", _has_coordination_number, _put(_CIVIC, lambda old, _: _month_13(old))),
    # Skolverket's own example of such a number has a wrong one.
    (
        "coordination_check_digit",
        "succeeded",
        _has_coordination_number,
        _put(_CIVIC, lambda old, _: _next_digit(old)),
    ),
    ("civic_ten_digits", "error", _has_personnummer, _put(_CIVIC, lambda old, _: f"{old[2:8]}-{old[8:]}")),
    ("civic_missing", "schema", _anyone, _drop("civicNo")),
    ("middle_name_null", "succeeded", _anyone, _put("middleName", lambda old, _: None), "schema"),
    ("middle_name_number", "warning", _anyone, _put("middleName", lambda old, _: 7), "schema"),
    ("name_not_utf8", "schema", _anyone, _put("givenName", lambda old, _: f"{old}\ud83d")),
    ("name_blank", "error", _anyone, _put("familyName", lambda old, _: f" {_INVISIBLE}")),
    (
        "name_invisible_character",
        "warning",
        _anyone,
        _put("givenName", lambda old, _: f"{old}{_INVISIBLE}"),
        "succeeded",
    ),
    ("marking_unknown", "schema", _anyone, _put("securityMarking", lambda old, _: "Hemlig")),
    ("surplus", "succeeded", _pupil, _more_than_needed),
    ("emails_null", "succeeded", _pupil_without_email, _put("emails", lambda old, _: None), "schema"),
    ("staff_without_email", "error", _staff, _drop("emails")),
    ("staff_email_private", "error", _staff, _put("emails.0.type", lambda old, _: "Privat")),
    ("email_malformed", "error", _staff, _put("emails.0.value", lambda old, _: _at_at(old)), "schema"),
    (
        "email_of_pupil_malformed",
        "warning",
        _pupil_with_email,
        _put("emails.0.value", lambda old, _: f"{old} "),
        "schema",
    ),
    ("email_of_pupil_private", "warning", _pupil_with_email, _put("emails.0.type", lambda old, _: "Privat"), "error"),
    ("eduid_of_pupil", "error", _pupil, _put("externalIdentifiers", lambda old, _: [dict(_EDUID)])),
    (
        "eduid_two",
        "warning",
        _staff,
        _put("externalIdentifiers", lambda old, _: [dict(_EDUID), {**_EDUID, "value": "sit-amet@eduid.se"}]),
        "schema",
    ),
    ("eppn_duplicate", "error", _anyone, _share_login),
    ("eppn_name_letters", "warning", _family_starts_with_letters, _login_from_name),
    ("eppn_space", "schema", _anyone, _put(_LOGIN, lambda old, _: old.replace("@", " @")), "error"),
    (
        "eppn_invisible_character",
        "schema",
        _anyone,
        _put(_LOGIN, lambda old, _: old[:4] + _INVISIBLE + old[4:]),
        "error",
    ),
    ("eppn_without_at", "error", _anyone, _put(_LOGIN, lambda old, _: old.replace("@", "."))),
    ("eppn_empty", "error", _anyone, _put(_EPPN, lambda old, _: [])),
    ("eppn_missing", "schema", _anyone, _drop(_EPPN)),
    ("eppn_two", "schema", _anyone, _put(_EPPN, lambda old, _: [*old, f"2{old[0]}"])),
    ("school_year_missing", "error", _in_grundskola, _drop(_YEAR)),
    ("school_year_text", "schema", _in_grundskola, _put(_YEAR, lambda old, _: str(old))),
    ("school_year_0", "schema", _in_grundskola, _put(_YEAR, lambda old, _: 0)),
    ("school_type_unknown", "schema", _pupil, _put(f"{_ENROLMENT}.schoolType", lambda old, _: "FSK")),
    ("school_unit_unknown", "error", _pupil, _put(_UNIT, _unknown)),
    ("school_unit_code", "schema", _pupil, _put(_UNIT, lambda old, _: "99912345")),
    ("enrolment_ended", "succeeded", _pupil, _put(f"{_ENROLMENT}.endDate", lambda old, _: "2020-06-15")),
    ("enrolment_twice", "succeeded", _pupil, _twice("enrolments")),
    ("education_code_missing", "error", _in_gymnasium, _drop(_CODE)),
    ("education_code_unknown", "error", _in_gymnasium, _put(_CODE, lambda old, _: "ZZPROV99")),
)
_DUTIES: tuple[_Row, ...] = (
    ("duty_person_unknown", "error", _anyone, _put("person.id", _unknown)),
    ("duty_of_pupil", "error", _anyone, _duty_of_pupil),
    ("duty_school_unit_unknown", "error", _anyone, _put("dutyAt.id", _unknown)),
    ("duty_role_unknown", "schema", _anyone, _put("dutyRole", lambda old, _: "Vaktmästare")),
)
_MEMBERS = "groupMemberships"
_GROUPS: tuple[_Row, ...] = (
    ("group_member_unknown", "warning", _anyone, _add(_MEMBERS, lambda new: {"person": {"id": new}})),
    (
        "group_member_no_uuid",
        "warning",
        _anyone,
        _put(f"{_MEMBERS}.0.person.id", lambda old, _: "elev-17"),
        "schema",
    ),
    ("group_member_twice", "warning", _anyone, _twice(_MEMBERS), "succeeded"),
    ("group_members_null", "succeeded", _anyone, _put(_MEMBERS, lambda old, _: None), "schema"),
    ("group_type_mentor", "error", _anyone, _put("groupType", lambda old, _: "Mentor")),
)
_ACTIVITIES: tuple[_Row, ...] = (
    ("activity_teacher_is_person", "error", _anyone, _put("teachers.0.duty.id", _person_of_a_duty)),
    ("activity_teacher_no_uuid", "warning", _anyone, _put("teachers.0.duty.id", lambda old, _: "larare-3"), "schema"),
    ("activity_group_twice", "warning", _anyone, _twice("groups"), "succeeded"),
    ("activity_group_unknown", "error", _anyone, _add("groups", lambda new: {"id": new})),
    ("activity_without_groups", "schema", _anyone, _put("groups", lambda old, _: [])),
    ("activity_exam_unknown", "error", _anyone, _put("parentActivity.id", _unknown)),
    ("activity_exam_other_school_type", "error", _anyone, _exam_of_other_school_type),
    ("activity_no_teaching", "error", _anyone, _put("activityType", lambda old, _: "Elevaktivitet")),
)

DEFECTS: tuple[Defect, ...] = tuple(
    Defect(kind, *row)
    for kind, rows in (
        ("persons", _PERSONS),
        ("duties", _DUTIES),
        ("groups", _GROUPS),
        ("activities", _ACTIVITIES),
    )
    for row in rows
)
