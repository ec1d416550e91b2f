"""What can be wrong with a record, what Skolverket is to make of it, and the choice of the records to spoil.

The outcome is the record's own; what follows for those that depend on it is left to the reader.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

from app.demo.names import fold, gives_name_away, letters, random_id
from app.demo.people import with_check_digit

Item = dict[str, Any]
Outcome = Literal["error", "warning", "schema"]
"""Refused by Skolverket, accepted with a warning, or against the published schema and so never sent."""


@dataclass(frozen=True)
class Scene:
    """What is to be seen from a record: the roster, the unspoiled records before it in its list, and chance."""

    roster: Mapping[str, Any]
    before: Sequence[Item]
    rng: random.Random


Spoiler = Callable[[Item, Scene], Mapping[str, str] | None]
"""Changes a record and gives what is worth noting besides; None when it finds that it cannot."""


@dataclass(frozen=True)
class Defect:
    """One way to spoil records of a kind, and those that it fits."""

    kind: str
    name: str
    outcome: Outcome
    fits: Callable[[Item], bool]
    spoil: Spoiler


def plant(roster: Mapping[str, Any], count: int, rng: random.Random) -> list[Item]:
    """Spoils so many records in place, with one defect after the other, and lists them as {kind, id, defect, outcome}.

    A record is spoiled once at most, and not together with one that it depends on: each comes to its own outcome. A
    shared login has `other` too, the person who had it first. Raises ValueError when the roster has too few records.
    """
    planted: list[Item] = []
    taken: set[str] = set()
    turns = _turns(rng)
    refused = 0
    while len(planted) < count:
        if refused == len(DEFECTS):
            raise ValueError(f"the roster has room for {len(planted)} defects, not for {count}")
        entry = _plant_one(next(turns), roster, taken, rng)
        refused = 0 if entry else refused + 1
        if entry:
            planted.append(entry)
    return planted


def _turns(rng: random.Random) -> Iterator[Defect]:
    """Shuffles the table, with one defect of each kind in front, so that a few defects reach all four stages."""
    order = rng.sample(DEFECTS, len(DEFECTS))
    first = {defect.kind: defect for defect in order}
    return cycle([*first.values(), *(defect for defect in order if defect not in first.values())])


def _plant_one(defect: Defect, roster: Mapping[str, Any], taken: set[str], rng: random.Random) -> Item | None:
    items: list[Item] = roster[defect.kind]
    start = rng.randrange(len(items)) if items else 0
    for place in (*range(start, len(items)), *range(start)):
        item = items[place]
        involved = {item["id"], *_needed(defect.kind, item)}
        if involved & taken or not defect.fits(item):
            continue
        before = [near for near in items[max(0, place - 50) : place] if near["id"] not in taken]
        noted = defect.spoil(item, Scene(roster, before, rng))
        if noted is None:
            continue
        taken |= involved | set(noted.values())
        return {"kind": defect.kind, "id": item["id"], "defect": defect.name, "outcome": defect.outcome, **noted}
    return None


def _needed(kind: str, item: Item) -> list[str]:
    """Names the records without which this one would be skipped."""
    if kind == "duties":
        return [item["person"]["id"]]
    if kind == "activities":
        return [group["id"] for group in item["groups"]]
    return []


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


def _family_starts_with_letters(person: Item) -> bool:
    start = fold(person["familyName"])[:3]
    return len(start) == 3 and start.isalpha()


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


def _next_digit(number: str) -> str:
    return f"{number[:11]}{(int(number[11]) + 1) % 10}"


def _month_13(number: str) -> str:
    return with_check_digit(f"{number[:4]}13{number[6:11]}")


def _unknown(_: Any, scene: Scene) -> str:
    return random_id(scene.rng)


def _person_of_a_duty(_: Any, scene: Scene) -> str:
    return str(scene.rng.choice(scene.roster["duties"])["person"]["id"])


_CIVIC = "civicNo.value"
_EPPN = "eduPersonPrincipalNames"
_YEAR = "enrolments.0.schoolYear"
_UNIT = "enrolments.0.enroledAt.id"
_CODE = "enrolments.0.educationCode"
_EDUID = {"value": "lorem-dolor@eduid.se", "context": "https://eduid.se", "globallyUnique": True}

DEFECTS: tuple[Defect, ...] = (
    Defect("persons", "civic_check_digit", "error", _has_personnummer, _put(_CIVIC, lambda old, _: _next_digit(old))),
    Defect("persons", "civic_no_such_date", "error", _has_personnummer, _put(_CIVIC, lambda old, _: _month_13(old))),
    Defect(
        "persons",
        "temporary_no_such_date",
        "error",
        _has_temporary_number,
        _put(_CIVIC, lambda old, _: f"{old[:4]}13{old[6:]}"),
    ),
    Defect(
        "persons", "civic_ten_digits", "error", _has_personnummer, _put(_CIVIC, lambda old, _: f"{old[2:8]}-{old[8:]}")
    ),
    Defect("persons", "civic_missing", "schema", _anyone, _drop("civicNo")),
    Defect("persons", "middle_name_null", "schema", _anyone, _put("middleName", lambda old, _: None)),
    Defect("persons", "name_not_utf8", "schema", _anyone, _put("givenName", lambda old, _: f"{old}\ud83d")),
    Defect("persons", "marking_unknown", "schema", _anyone, _put("securityMarking", lambda old, _: "Hemlig")),
    Defect("persons", "staff_without_email", "error", _staff, _drop("emails")),
    Defect("persons", "staff_email_private", "error", _staff, _put("emails.0.type", lambda old, _: "Privat")),
    Defect(
        "persons", "email_malformed", "schema", _staff, _put("emails.0.value", lambda old, _: old.replace("@", "(at)"))
    ),
    Defect("persons", "eduid_of_pupil", "error", _pupil, _put("externalIdentifiers", lambda old, _: [dict(_EDUID)])),
    Defect("persons", "eppn_duplicate", "error", _anyone, _share_login),
    Defect("persons", "eppn_name_letters", "warning", _family_starts_with_letters, _login_from_name),
    Defect("persons", "eppn_space", "error", _anyone, _put(f"{_EPPN}.0", lambda old, _: old.replace("@", " @"))),
    Defect("persons", "eppn_without_at", "error", _anyone, _put(f"{_EPPN}.0", lambda old, _: old.replace("@", "."))),
    Defect("persons", "eppn_empty", "error", _anyone, _put(_EPPN, lambda old, _: [])),
    Defect("persons", "eppn_missing", "schema", _anyone, _drop(_EPPN)),
    Defect("persons", "eppn_two", "schema", _anyone, _put(_EPPN, lambda old, _: [*old, f"2{old[0]}"])),
    Defect("persons", "school_year_missing", "error", _in_grundskola, _drop(_YEAR)),
    Defect("persons", "school_year_text", "schema", _in_grundskola, _put(_YEAR, lambda old, _: str(old))),
    Defect("persons", "school_year_0", "schema", _in_grundskola, _put(_YEAR, lambda old, _: 0)),
    Defect("persons", "school_type_unknown", "schema", _pupil, _put("enrolments.0.schoolType", lambda old, _: "FSK")),
    Defect("persons", "school_unit_unknown", "error", _pupil, _put(_UNIT, _unknown)),
    Defect("persons", "school_unit_code", "schema", _pupil, _put(_UNIT, lambda old, _: "99912345")),
    Defect("persons", "education_code_missing", "error", _in_gymnasium, _drop(_CODE)),
    Defect("persons", "education_code_unknown", "error", _in_gymnasium, _put(_CODE, lambda old, _: "ZZPROV99")),
    Defect("duties", "duty_person_unknown", "error", _anyone, _put("person.id", _unknown)),
    Defect("duties", "duty_school_unit_unknown", "error", _anyone, _put("dutyAt.id", _unknown)),
    Defect("duties", "duty_role_unknown", "schema", _anyone, _put("dutyRole", lambda old, _: "Vaktmästare")),
    Defect(
        "groups",
        "group_member_unknown",
        "warning",
        _anyone,
        _add("groupMemberships", lambda new: {"person": {"id": new}}),
    ),
    Defect(
        "groups",
        "group_member_no_uuid",
        "schema",
        _anyone,
        _put("groupMemberships.0.person.id", lambda old, _: "elev-17"),
    ),
    Defect("groups", "group_type_mentor", "error", _anyone, _put("groupType", lambda old, _: "Mentor")),
    Defect("activities", "activity_teacher_is_person", "error", _anyone, _put("teachers.0.duty.id", _person_of_a_duty)),
    Defect("activities", "activity_group_unknown", "error", _anyone, _add("groups", lambda new: {"id": new})),
    Defect("activities", "activity_without_groups", "schema", _anyone, _put("groups", lambda old, _: [])),
    Defect("activities", "activity_exam_unknown", "error", _anyone, _put("parentActivity.id", _unknown)),
    Defect("activities", "activity_exam_other_school_type", "error", _anyone, _exam_of_other_school_type),
    Defect(
        "activities", "activity_no_teaching", "error", _anyone, _put("activityType", lambda old, _: "Elevaktivitet")
    ),
)
