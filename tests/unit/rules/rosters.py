"""Small objects that no rule says anything about, to be spoiled one property at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.domain.issues import Finding
from app.domain.rules.check import RosterCheck
from app.domain.rules.given import Given
from app.domain.schools import Exam, Programme, Schools, Unit

Item = dict[str, Any]

TODAY = date(2026, 10, 1)
UNIT, OTHER_UNIT, CLOSED, MOVED, NO_EXAMS, EXAM = (str(UUID(int=n)) for n in range(0xA1, 0xA7))
REFERENCE = Schools(
    number="2120009812",
    units={
        UNIT: Unit(owner="2120009812", school_types={"GR": frozenset(range(1, 10)), "GY": None}),
        CLOSED: Unit(expired=True),
        MOVED: Unit(owner="2120009788"),
        NO_EXAMS: Unit(takes_part=False),
    },
    others=frozenset({OTHER_UNIT}),
    programmes={
        "NANAT": Programme(valid_from=date(2021, 7, 1)),
        "OLD": Programme(active=False),
        "NEW": Programme(valid_from=date(2027, 7, 1)),
    },
    exams={EXAM: Exam("GR", 9)},
)
GIVEN = Given(TODAY, schools=REFERENCE)


def uuid(n: int) -> UUID:
    return UUID(int=n)


def ref(n: int | str) -> Item:
    return {"id": n if isinstance(n, str) else str(uuid(n))}


def pupil(n: int, **changes: Any) -> Item:
    """A pupil of year 9 without anything wrong; `changes` with None take a property away."""
    return changed(
        {
            "id": str(uuid(n)),
            "givenName": "Tova",
            "familyName": "Lind",
            "eduPersonPrincipalNames": [f"9{n:07}@edu.exempelby.se"],
            "civicNo": {"value": civic_no(n), "nationality": "SE"},
            "enrolments": [enrolment()],
        },
        changes,
    )


def staff(n: int, **changes: Any) -> Item:
    """One of the staff without anything wrong but that the duty stands elsewhere."""
    emails = [{"value": f"s{n}@exempelby.se", "type": "Skola personal"}]
    return changed(pupil(n, enrolments=None), {"emails": emails, **changes})


def enrolment(**changes: Any) -> Item:
    return changed({"enroledAt": ref(UNIT), "schoolYear": 9, "schoolType": "GR"}, changes)


def duty(n: int, person: int, **changes: Any) -> Item:
    return changed({"id": str(uuid(n)), "person": ref(person), "dutyAt": ref(UNIT), "dutyRole": "Lärare"}, changes)


def group(n: int, members: Iterable[int], **changes: Any) -> Item:
    return changed(
        {
            "id": str(uuid(n)),
            "displayName": "9A",
            "groupType": "Undervisning",
            "schoolType": "GR",
            "organisation": ref(UNIT),
            "groupMemberships": [{"person": ref(member)} for member in members],
        },
        changes,
    )


def activity(n: int, groups: Iterable[int], teachers: Iterable[int], **changes: Any) -> Item:
    return changed(
        {
            "id": str(uuid(n)),
            "displayName": "Ma 9A",
            "activityType": "Undervisning",
            "groups": [ref(each) for each in groups],
            "teachers": [{"duty": ref(each)} for each in teachers],
            "organisation": ref(UNIT),
            "parentActivity": ref(EXAM),
        },
        changes,
    )


def changed(item: Item, changes: Mapping[str, Any]) -> Item:
    return {key: value for key, value in {**item, **changes}.items() if value is not None}


def civic_no(n: int) -> str:
    """An invented personnummer, born in 2011; another one for each `n` below 5600."""
    day, serial = divmod(n, 20)
    eleven = f"2011{day // 28 % 12 + 1:02}{day % 28 + 1:02}{980 + serial}"
    total = sum(int(digit) for digit in eleven[3::2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in eleven[2::2])
    return f"{eleven}{-total % 10}"


def codes(kind: str, item: Item, given: Given = GIVEN, broken: Iterable[str] = ()) -> list[tuple[str, str, str | None]]:
    """Gives code, severity and pointer of what is wrong with one object by itself, and by the open data."""
    check = RosterCheck(given)
    found = check.of_object(kind, 0, UUID(item["id"]), item, frozenset(broken))
    found += check.against_open_data(kind, item)
    return [(issue.code, issue.severity, issue.pointer) for issue in found]


def read(given: Given = GIVEN, **lists: Sequence[Item]) -> RosterCheck:
    """Reads a roster: persons, duties, groups, activities, in the order that they are given in."""
    check = RosterCheck(given)
    for kind, items in lists.items():
        for ordinal, item in enumerate(items):
            check.of_object(kind, ordinal, UUID(item["id"]), item)
            check.against_open_data(kind, item)
    return check


def across(given: Given = GIVEN, **lists: Sequence[Item]) -> list[Finding]:
    """Gives what is wrong in the light of all objects together."""
    check = read(given, **lists)
    return [*check.across(), *check.across_and_open_data()]


def short(findings: Iterable[Finding]) -> list[tuple[str, int, str, str | None, list[int]]]:
    """Gives kind, place, code, pointer and the numbers of the objects that a finding is about."""
    return [
        (each.kind, each.ordinal, each.issue.code, each.issue.pointer, [one.int for one in each.issue.ids])
        for each in findings
    ]
