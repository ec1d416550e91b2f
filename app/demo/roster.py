"""Invents the roster of a school organiser as SS 12000 objects: pupils, staff, classes, teaching groups, activities.

The same plan gives the same roster, byte for byte. What is spoiled in it is decided in `defects`.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from app.demo import defects, schools
from app.demo.names import random_id
from app.demo.people import People

Item = dict[str, Any]
Lesson = tuple[str, Item]
"""The name of an exam and a teaching group that is to take it."""

ROSTER_KEYS = ("persons", "duties", "groups", "activities")
REFERENCE_KEYS = ("huvudman", "schoolUnits", "programmes", "nationalActivities")

# That of the demonstration's schools, which `make serve` knows.
DEMONSTRATION = 2026

_STAFF_SHARE = 0.085
_CLASS_SIZE = 26
_LEAST_PER_SCHOOL = 20
_GYMNASIUM = (1, 2, 3)
# The years of grundskolan that a school has, kind by kind in turn; none is a gymnasium.
_KINDS: tuple[tuple[int, ...], ...] = (tuple(range(1, 10)), (), tuple(range(1, 7)), (7, 8, 9))
_TEACHING = ("Lärare", "Förstelärare", "Speciallärare/specialpedagog")
_ROLES = (
    *(*["Lärare"] * 40, *["Förstelärare"] * 3, *["Speciallärare/specialpedagog"] * 2, "Kurator", "Skolsköterska"),
    *("Studie- och yrkesvägledare", "Bibliotekarie", "Lärarassistent", "Övrig arbetsledning", "Skolpsykolog"),
)


@dataclass(frozen=True)
class RosterPlan:
    """What to invent: so many persons (pupils and staff together, at least 20 a school) and spoiled records.

    `seed` decides the schools, and all else too unless `people` does. `year` is that in which the school year begins.
    `domain` is for e-mail; logins have `edu.` before it.
    """

    persons: int = 2000
    schools: int = 5
    seed: int = 1
    people: str = ""
    defects: int = 0
    organisation_number: str = "2120009812"
    organisation_name: str = "Exempelköpings kommun"
    domain: str = "exempelkoping.se"
    year: int = 2026

    def __post_init__(self) -> None:
        if self.schools < 1 or self.persons < _LEAST_PER_SCHOOL * self.schools:
            raise ValueError(f"a plan has at least one school and {_LEAST_PER_SCHOOL} persons in each")


def generate(plan: RosterPlan) -> dict[str, Any]:
    """Invents the whole: reference data, the four lists of the roster and, under `planted`, what was spoiled in them.

    A planted entry is {kind, id, defect, outcome} and, for a shared login, `other`. Raises ValueError when the roster
    is too small for the defects, or so large that birth numbers run out.
    """
    generated = _Maker(plan).make()
    generated["planted"] = defects.plant(generated, plan.defects, random.Random(f"defects {plan.people or plan.seed}"))  # noqa: S311
    return generated


def roster_only(generated: Mapping[str, Any]) -> dict[str, Any]:
    """Picks the four lists that make a roster in the service's sense."""
    return {key: generated[key] for key in ROSTER_KEYS}


def reference_only(generated: Mapping[str, Any]) -> dict[str, Any]:
    """Picks what Skolverket publishes itself: the organiser, its school units, programmes and exam activities."""
    return {key: generated[key] for key in REFERENCE_KEYS}


def json_chunks(value: Any) -> Iterator[str]:
    """Writes objects and lists as JSON text in pieces of one list item each, in plain ASCII.

    ASCII, because a planted lone surrogate has no UTF-8: as an escape it travels, and meets whoever decodes it.
    """
    if isinstance(value, Mapping):
        for position, (key, inner) in enumerate(value.items()):
            yield f"{',' if position else '{'}{json.dumps(key)}:"
            yield from json_chunks(inner)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield f"{',' if position else '['}{json.dumps(item, separators=(',', ':'))}"
        yield "]" if value else "[]"
    else:
        yield json.dumps(value)


def write(plan: RosterPlan, path: Path) -> None:
    """Invents a roster and streams it, with reference data and planted defects, into a JSON file."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(json_chunks(generate(plan)))


class _Maker:
    """One roster in the making: the source of chance and the lists so far."""

    def __init__(self, plan: RosterPlan) -> None:
        self.plan = plan
        of_schools = random.Random(f"roster {plan.seed}")  # noqa: S311
        self.codes = of_schools.sample(range(99_900_000, 100_000_000), plan.schools)
        # What is left of one source after the schools is as good as any, and begins alike for rosters of any size: an
        # id might come twice, for two people.
        self.rng = random.Random(f"people {plan.people}") if plan.people else of_schools  # noqa: S311
        self.people = People(self.rng, plan.domain)
        self.duties: list[Item] = []
        self.groups: list[Item] = []
        self.activities: list[Item] = []

    def make(self) -> dict[str, Any]:
        owner = schools.organiser(self.plan.organisation_number, self.plan.organisation_name)
        kinds = [_KINDS[n % len(_KINDS)] for n in range(self.plan.schools)]
        units = [schools.school_unit(n, str(self.codes[n]), years, owner) for n, years in enumerate(kinds)]
        sizes = _shares(self.plan.persons, [len(years) or 7 for years in kinds])
        for unit, years, size in zip(units, kinds, sizes, strict=True):
            staff = max(3, round(size * _STAFF_SHARE))
            teachers = self.staff(unit["id"], staff)
            pupils = size - staff
            lessons = self.grundskola(unit["id"], years, pupils) if years else self.gymnasium(unit["id"], pupils)
            self.exam_activities(unit["id"], lessons, teachers)
        # Pupils and staff come mixed, as from a real register: a batch has some of both.
        self.rng.shuffle(self.people.persons)
        return {
            "huvudman": owner,
            "schoolUnits": units,
            "programmes": schools.programmes(),
            "nationalActivities": schools.exams(),
            "persons": self.people.persons,
            "duties": self.duties,
            "groups": self.groups,
            "activities": self.activities,
        }

    def staff(self, unit: str, count: int) -> list[str]:
        """Adds a school's staff and gives the duties of those who teach: at least one."""
        teachers = []
        for role in ("Rektor", "Skoladministratör", "Lärare", *self.rng.choices(_ROLES, k=count - 3)):
            person = self.people.employee(self.plan.year - self.rng.randint(24, 66))
            duty = self.duty(unit, person, role)
            if role in _TEACHING:
                teachers.append(duty)
                # A few have two duties: when such a person fails, both are stopped.
                if self.rng.random() < 0.04:
                    self.duty(unit, person, "Övrig arbetsledning")
        return teachers

    def duty(self, unit: str, person: str, role: str) -> str:
        duty = {"id": random_id(self.rng), "person": {"id": person}, "dutyAt": {"id": unit}, "dutyRole": role}
        self.duties.append(duty)
        return str(duty["id"])

    def grundskola(self, unit: str, years: Sequence[int], pupils: int) -> list[Lesson]:
        """Adds pupils, classes and teaching groups; in an exam year each subject has its group."""
        lessons = []
        for year, size in zip(years, _shares(pupils, [1] * len(years)), strict=True):
            second_language: list[str] = []
            for letter, members in self.classes(size, partial(self.gr_pupil, unit, year)):
                self.group(unit, "GR", "Klass", f"{year}{letter}", members)
                if year not in schools.EXAM_YEARS:
                    continue
                swedish: list[str] = []
                for pupil in members:
                    (second_language if self.rng.random() < 0.1 else swedish).append(pupil)
                drawn = (self.rng.choice(schools.SCIENCES), self.rng.choice(schools.SOCIETIES))
                for subject in ("MAT", "ENG", "SVE", *drawn):
                    if taught := swedish if subject == "SVE" else members:
                        group = self.group(unit, "GR", "Undervisning", f"{subject.title()} {year}{letter}", taught)
                        lessons.append((schools.gr_exam(subject, year), group))
            if second_language:
                group = self.group(unit, "GR", "Undervisning", f"Sva {year}", second_language)
                lessons.append((schools.gr_exam("SVA", year), group))
        return lessons

    def gr_pupil(self, unit: str, year: int) -> str:
        enrolment: Item = {"enroledAt": {"id": unit}, "schoolYear": year, "schoolType": "GR"}
        if self.rng.random() < 0.5:
            enrolment["cancelled"] = False
        return self.people.pupil(self.plan.year - 6 - year - (self.rng.random() < 0.02), enrolment)

    def gymnasium(self, unit: str, pupils: int) -> list[Lesson]:
        """Adds pupils, classes and teaching groups: as many programmes as there are half classes for."""
        lessons = []
        fitting = max(1, pupils * 2 // (len(_GYMNASIUM) * _CLASS_SIZE))
        cells = [(year, programme) for year in _GYMNASIUM for programme in schools.PROGRAMMES[:fitting]]
        for (year, (code, _, track)), size in zip(cells, _shares(pupils, [1] * len(cells)), strict=True):
            for letter, members in self.classes(size, partial(self.gy_pupil, unit, year, code)):
                name = f"{code[:2]}{(self.plan.year + 1 - year) % 100:02}{letter}"
                self.group(unit, "GY", "Klass", name, members)
                for course in schools.courses(year, track):
                    group = self.group(unit, "GY", "Undervisning", f"{course} {name}", members)
                    lessons.append((schools.gy_exam(course), group))
        return lessons

    def gy_pupil(self, unit: str, year: int, code: str) -> str:
        enrolment: Item = {"enroledAt": {"id": unit}, "schoolType": "GY", "educationCode": code}
        if self.rng.random() < 0.5:
            enrolment["schoolYear"] = year
        return self.people.pupil(self.plan.year - 15 - year - (self.rng.random() < 0.05), enrolment)

    def classes(self, pupils: int, add_pupil: Callable[[], str]) -> Iterator[tuple[str, list[str]]]:
        """Adds so many pupils and gives them class by class, all of about the same size, with the class's letter."""
        for n, size in enumerate(_shares(pupils, [1] * -(-pupils // _CLASS_SIZE))):
            yield _class_letter(n), [add_pupil() for _ in range(size)]

    def group(self, unit: str, school_type: str, group_type: str, name: str, members: Sequence[str]) -> Item:
        group = {
            "id": random_id(self.rng),
            "displayName": name,
            "groupType": group_type,
            "schoolType": school_type,
            "organisation": {"id": unit},
            "groupMemberships": [{"person": {"id": person}} for person in members],
        }
        self.groups.append(group)
        return group

    def exam_activities(self, unit: str, lessons: Sequence[Lesson], teachers: Sequence[str]) -> None:
        """Adds a school's activities: one to three groups that take the same exam, with one or two teachers."""
        waiting: dict[str, list[Item]] = {}
        for exam, group in lessons:
            waiting.setdefault(exam, []).append(group)
        for exam, groups in waiting.items():
            while groups:
                taken = self.rng.choices((1, 2, 3), (80, 13, 7))[0]
                together, groups = groups[:taken], groups[taken:]
                chosen = self.rng.sample(teachers, min(len(teachers), 1 + (self.rng.random() < 0.25)))
                activity = {
                    "id": random_id(self.rng),
                    "displayName": " + ".join(group["displayName"] for group in together),
                    "activityType": "Undervisning",
                    "groups": [{"id": group["id"]} for group in together],
                    "teachers": [{"duty": {"id": duty}} for duty in chosen],
                    "organisation": {"id": unit},
                    "parentActivity": {"id": schools.named_id(exam)},
                }
                self.activities.append(activity)


def _shares(total: int, weights: Sequence[int]) -> list[int]:
    """Divides a whole by weights without losing any of it to rounding."""
    bounds = [total * reached // sum(weights) for reached in accumulate(weights, initial=0)]
    return [upper - lower for lower, upper in pairwise(bounds)]


def _class_letter(n: int) -> str:
    first, second = divmod(n, 26)
    return (chr(64 + first) if first else "") + chr(65 + second)
