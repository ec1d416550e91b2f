"""Rules for activities: by themselves, and their groups, teachers and exams across a roster."""

from collections.abc import Iterator
from itertools import islice
from typing import Final
from uuid import UUID

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found, key_at, keys
from app.domain.rules.given import Given
from app.domain.rules.parts import MOST_ISSUES, Item, entries, field, id_of
from app.domain.schools import Exam, Schools

# More groups than this in an activity, and every teacher sees the results of very many pupils.
MOST_GROUPS: Final = 3


def activity_type(activity: Item, _: Given) -> Iterator[Issue]:
    """An activity is teaching."""
    given = activity.get("activityType")
    if isinstance(given, str) and given != "Undervisning":
        yield Issue("activity_type", pointer="/activityType")


def no_teachers(activity: Item, _: Given) -> Iterator[Issue]:
    """An activity has teachers; one that cannot be read is none, since it does not go."""
    teachers = activity.get("teachers")
    if teachers is None or (isinstance(teachers, list) and not any(id_of(field(each, "duty")) for each in teachers)):
        yield Issue("activity_without_teachers", "warning", "/teachers")


def wide(activity: Item, _: Given) -> Iterator[Issue]:
    """An activity has three groups at most, since each of its teachers sees the results of all of them."""
    if len(set(filter(None, map(id_of, entries(activity, "groups"))))) > MOST_GROUPS:
        yield Issue("activity_wide", "warning", "/groups")


def exam(activity: Item, given: Given) -> Iterator[Issue]:
    """The parent of an activity is an exam that the target has published."""
    known, exam_id = given.schools.exams, id_of(activity.get("parentActivity"))
    if known is not None and exam_id is not None and exam_id not in known:
        yield Issue("exam_unknown", pointer="/parentActivity/id")


def groups(facts: Facts) -> Iterator[Found]:
    """The groups of an activity are in the roster or at the target."""
    for position, ids in enumerate(facts.activities.groups):
        unknown = (place for place, key in keys(ids) if not facts.knows("groups", key))
        for place in islice(unknown, MOST_ISSUES):
            yield Found("activities", position, Issue("activity_group_unknown", pointer=f"/groups/{place}/id"))


def teachers(facts: Facts) -> Iterator[Found]:
    """The teachers of an activity are duties of the roster, or such as the target has."""
    for position, ids in enumerate(facts.activities.teachers):
        unknown = (place for place, key in keys(ids) if not facts.knows("duties", key))
        for place in islice(unknown, MOST_ISSUES):
            at = f"/teachers/{place}/duty/id"
            yield Found("activities", position, Issue("activity_teacher_unknown", pointer=at))


def teacher_elsewhere(facts: Facts) -> Iterator[Found]:
    """The duties of an activity's teachers are at its school unit."""
    activities, duties = facts.activities, facts.duties
    for position, ids in enumerate(activities.teachers):
        unit = key_at(activities.units, position)
        for place, key in islice(keys(ids), MOST_ISSUES) if unit is not None else ():
            duty = duties.positions.get(key)
            if duty is not None and key_at(duties.units, duty) not in (None, unit):
                at = f"/teachers/{place}/duty/id"
                issue = Issue("teacher_of_other_unit", "warning", at, (duties.id(duty),))
                yield Found("activities", position, issue)


def exam_school_type(facts: Facts, schools: Schools) -> Iterator[Found]:
    """The exam of an activity is for the school type of its groups."""
    for position, ids in enumerate(facts.activities.groups):
        exam = _exam(facts, position, schools)
        if exam is None or exam.school_type is None:
            continue
        others = (
            facts.groups.id(group)
            for group in _groups(facts, ids)
            if facts.groups.school_types[group] not in (None, exam.school_type)
        )
        if ids_of_others := tuple(islice(others, MOST_ISSUES)):
            issue = Issue("exam_school_type", pointer="/parentActivity/id", ids=ids_of_others)
            yield Found("activities", position, issue)


def exam_school_year(facts: Facts, schools: Schools) -> Iterator[Found]:
    """The exam of an activity is for a year in which its groups have pupils, as far as theirs are known."""
    for position, ids in enumerate(facts.activities.groups):
        exam = _exam(facts, position, schools)
        if exam is None or exam.school_year is None:
            continue
        others = (
            facts.groups.id(group)
            for group in _groups(facts, ids)
            if (years := facts.years_of_group(group)) and exam.school_year not in years
        )
        if ids_of_others := tuple(islice(others, MOST_ISSUES)):
            issue = Issue("exam_school_year", "warning", "/parentActivity/id", ids_of_others)
            yield Found("activities", position, issue)


def _exam(facts: Facts, position: int, schools: Schools) -> Exam | None:
    key = key_at(facts.activities.exams, position)
    return None if key is None or schools.exams is None else schools.exams.get(str(UUID(bytes=key)))


def _groups(facts: Facts, ids: bytes) -> Iterator[int]:
    found = dict.fromkeys(facts.groups.positions.get(key) for _, key in keys(ids))
    return (position for position in found if position is not None)
