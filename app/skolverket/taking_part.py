"""Reads Skolverket's open data into what rules need of it. Whatever the documents are, it raises nothing.

What a document does not say is taken to be in order: units take part, programmes are active.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import date
from typing import Any, TypeVar

from app.domain.schools import Exam, Programme, Schools, Unit
from app.skolverket import wire

Json = dict[str, Any]
T = TypeVar("T")


def read(
    number: str,
    units: Iterable[Json] | None,
    others: Set[str],
    programmes: Iterable[Json] | None,
    exams: Iterable[Json] | None,
) -> Schools:
    """Puts together what is known for the organisation with this number: the documents of its own school units, the

    ids of others', and the documents of programmes and exams; None where nothing has been read.
    """
    return Schools(
        number=number,
        units=None if units is None else dict(_by_id(units, _unit)),
        others=others,
        programmes=None if programmes is None else {code: _programme(each) for code, each in _by_code(programmes)},
        exams=None if exams is None else dict(_by_id(exams, _exam)),
    )


def _by_id(items: Iterable[Json], read: Callable[[Json], T]) -> Iterator[tuple[str, T]]:
    for item in items:
        if (item_id := wire.id_of(item.get("id"))) is not None:
            yield str(item_id), read(item)


def _by_code(items: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    return ((code, item) for item in items if isinstance(code := item.get("educationCode"), str))


def _unit(unit: Json) -> Unit:
    owner = unit.get("parentOrganisation")
    number = owner.get("organisationNumber") if isinstance(owner, dict) else None
    return Unit(
        expired=unit.get("status") == "Expired",
        owner=number if isinstance(number, str) else None,
        takes_part=unit.get("dnpStatus") is not False,
        school_types=_school_types(unit.get("schoolTypes")),
    )


def _school_types(listed: object) -> Mapping[str, frozenset[int] | None] | None:
    if not isinstance(listed, list) or not listed:
        return None
    return {
        school_type: _years(each.get("schoolYears"))
        for each in listed
        if isinstance(each, dict)
        and each.get("dnpStatus") is not False
        and isinstance(school_type := each.get("schoolType"), str)
    }


def _years(listed: object) -> frozenset[int] | None:
    if not isinstance(listed, list) or not listed:
        return None
    taking_part = (each for each in listed if isinstance(each, dict) and each.get("dnpStatus") is not False)
    return frozenset(year for each in taking_part if type(year := each.get("schoolYear")) is int)


def _programme(programme: Json) -> Programme:
    valid_from = programme.get("validFrom")
    return Programme(programme.get("status", "Active") == "Active", _day(valid_from))


def _day(moment: object) -> date | None:
    try:
        return date.fromisoformat(moment[:10]) if isinstance(moment, str) else None
    except ValueError:
        return None


def _exam(exam: Json) -> Exam:
    school_type, year = exam.get("schoolType"), exam.get("schoolYear")
    return Exam(school_type if isinstance(school_type, str) else None, year if type(year) is int else None)
