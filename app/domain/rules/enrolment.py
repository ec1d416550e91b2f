"""Rules for the enrolments of a pupil."""

from collections.abc import Iterator
from typing import Final

from app.domain.issues import Issue
from app.domain.rules import unit
from app.domain.rules.given import Given
from app.domain.rules.parts import Item, objects, text

_WITH_YEARS: Final = frozenset({"GR", "SP", "SAM"})
# Of others the schema speaks.
_TAKING_PART: Final = _WITH_YEARS | {"GY", "VUXGY"}


def school_year(person: Item, _: Given) -> Iterator[Issue]:
    """An enrolment in GR, SP or SAM has a school year."""
    for place, enrolment in objects(person, "enrolments"):
        if _type(enrolment) in _WITH_YEARS and enrolment.get("schoolYear") is None:
            yield Issue("school_year_missing", pointer=f"/enrolments/{place}/schoolYear")


def education_code(person: Item, _: Given) -> Iterator[Issue]:
    """An enrolment in GY has an education code."""
    for place, enrolment in objects(person, "enrolments"):
        code = enrolment.get("educationCode")
        if _type(enrolment) == "GY" and (code is None or _is_blank(code)):
            yield Issue("education_code_missing", pointer=f"/enrolments/{place}/educationCode")


def adults(person: Item, _: Given) -> Iterator[Issue]:
    """Schools for adults (VUXGY) are on their way into the exams."""
    for place, enrolment in objects(person, "enrolments"):
        if _type(enrolment) == "VUXGY":
            yield Issue("enrolment_of_adults", "warning", f"/enrolments/{place}/schoolType")


def programme(person: Item, given: Given) -> Iterator[Issue]:
    """The education code of an enrolment in GY is a programme's that is active today."""
    known = given.schools.programmes
    if known is None:
        return
    for place, enrolment in objects(person, "enrolments"):
        code = text(enrolment.get("educationCode"))
        if code is None or _is_blank(code) or _type(enrolment) != "GY":
            continue
        found = known.get(code)
        at = f"/enrolments/{place}/educationCode"
        if found is None:
            yield Issue("education_code_unknown", pointer=at)
        elif not found.active or (found.valid_from is not None and found.valid_from > given.today):
            yield Issue("education_code_inactive", pointer=at)


def school_unit(person: Item, given: Given) -> Iterator[Issue]:
    """An enrolment is at a school unit of the organisation that has not closed."""
    for place, enrolment in objects(person, "enrolments"):
        yield from unit.issues(enrolment.get("enroledAt"), f"/enrolments/{place}/enroledAt/id", given.schools)


def takes_part(person: Item, given: Given) -> Iterator[Issue]:
    """The school unit takes part in exams, with the school type and the year of an enrolment that has not ended."""
    for place, enrolment in objects(person, "enrolments"):
        known = unit.of(enrolment.get("enroledAt"), given.schools)
        if known is None or enrolment.get("cancelled") is True:
            continue
        school_type, year = _type(enrolment) or "", enrolment.get("schoolYear")
        if not known.takes_part:
            yield Issue("unit_without_exams", "warning", f"/enrolments/{place}/enroledAt/id")
        elif known.school_types is None or school_type not in _TAKING_PART:
            continue
        elif school_type not in known.school_types:
            yield Issue("unit_school_type", "warning", f"/enrolments/{place}/schoolType")
        elif (
            (years := known.school_types[school_type]) is not None
            and type(year) is int
            and 1 <= year <= 10
            and year not in years
        ):
            yield Issue("unit_school_year", "warning", f"/enrolments/{place}/schoolYear")


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _type(enrolment: Item) -> str | None:
    return text(enrolment.get("schoolType"))
