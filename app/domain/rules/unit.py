"""Rules for the school units that objects refer to, against what the target has published of them."""

from collections.abc import Iterator

from app.domain.issues import Issue
from app.domain.reference import Reference, Unit
from app.domain.rules.given import Given
from app.domain.rules.parts import Item, id_of


def of_duty(duty: Item, given: Given) -> Iterator[Issue]:
    """A duty is at a school unit of the organisation that has not closed."""
    return issues(duty.get("dutyAt"), "/dutyAt/id", given.reference)


def duty_takes_part(duty: Item, given: Given) -> Iterator[Issue]:
    """The school unit of a duty takes part in exams."""
    known = of(duty.get("dutyAt"), given.reference)
    if known is not None and not known.takes_part:
        yield Issue("unit_without_exams", "warning", "/dutyAt/id")


def of_organisation(item: Item, given: Given) -> Iterator[Issue]:
    """A group or an activity is at a school unit of the organisation that has not closed."""
    return issues(item.get("organisation"), "/organisation/id", given.reference)


def of(given: object, reference: Reference) -> Unit | None:
    """Gives what is known of the school unit that is referred to."""
    if reference.units is None or (unit_id := id_of(given)) is None:
        return None
    return reference.units.get(unit_id)


def issues(given: object, pointer: str, reference: Reference) -> Iterator[Issue]:
    """Says what is wrong with the school unit that is referred to at `pointer`; nothing where none are known."""
    if reference.units is None or (unit_id := id_of(given)) is None:
        return
    unit = reference.units.get(unit_id)
    if unit is None:
        yield Issue("unit_foreign" if unit_id in reference.others else "unit_unknown", pointer=pointer)
        return
    if unit.expired:
        yield Issue("unit_expired", pointer=pointer)
    if unit.owner is not None and unit.owner != reference.number:
        yield Issue("unit_foreign", pointer=pointer)
