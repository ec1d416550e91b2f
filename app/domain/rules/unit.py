"""Rules for the school units that objects refer to, against what the target has published of them."""

from collections.abc import Iterator

from app.domain.issues import Issue
from app.domain.rules.given import Given
from app.domain.rules.parts import Item, id_of
from app.domain.schools import Schools, Unit


def of_duty(duty: Item, given: Given) -> Iterator[Issue]:
    """A duty is at a school unit of the organisation that has not closed."""
    return issues(duty.get("dutyAt"), "/dutyAt/id", given.schools)


def duty_takes_part(duty: Item, given: Given) -> Iterator[Issue]:
    """The school unit of a duty takes part in exams."""
    known = of(duty.get("dutyAt"), given.schools)
    if known is not None and not known.takes_part:
        yield Issue("unit_without_exams", "warning", "/dutyAt/id")


def of_organisation(item: Item, given: Given) -> Iterator[Issue]:
    """A group or an activity is at a school unit of the organisation that has not closed."""
    return issues(item.get("organisation"), "/organisation/id", given.schools)


def of(given: object, schools: Schools) -> Unit | None:
    """Gives what is known of the school unit that is referred to."""
    if schools.units is None:
        return None
    unit_id = given.get("id") if isinstance(given, dict) else None
    # Mostly it is written as it is known.
    found = schools.units.get(unit_id) if isinstance(unit_id, str) else None
    return found or schools.units.get(id_of(given) or "")


def issues(given: object, pointer: str, schools: Schools) -> Iterator[Issue]:
    """Says what is wrong with the school unit that is referred to at `pointer`; nothing where none are known."""
    if schools.units is None:
        return
    unit = of(given, schools)
    if unit is None:
        if (unit_id := id_of(given)) is None:
            return
        yield Issue("unit_foreign" if unit_id in schools.others else "unit_unknown", pointer=pointer)
        return
    if unit.expired:
        yield Issue("unit_expired", pointer=pointer)
    if unit.owner is not None and unit.owner != schools.number:
        yield Issue("unit_foreign", pointer=pointer)
