"""Rules for staff: their e-mail, their identifier elsewhere; and for who is a pupil too, or neither."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found, keys
from app.domain.rules.given import Given
from app.domain.rules.parts import MOST_ISSUES, Item, entries, objects

_STAFF: Final = "Skola personal"
_EDUID: Final = "https://eduid.se"


def email(person: Item, _: Given) -> Iterator[Issue]:
    """Who has no enrolment counts as staff, and has an e-mail address of that type."""
    if _is_staff(person) and all(each.get("type") != _STAFF for _, each in objects(person, "emails")):
        yield Issue("staff_email", pointer="/emails")


def external_id_of_pupil(person: Item, _: Given) -> Iterator[Issue]:
    """Staff alone have an external identifier."""
    if entries(person, "externalIdentifiers") and not _is_staff(person):
        yield Issue("external_id_of_pupil", pointer="/externalIdentifiers")


def external_id_context(person: Item, _: Given) -> Iterator[Issue]:
    """An external identifier is of eduID."""
    for place, each in islice(objects(person, "externalIdentifiers"), MOST_ISSUES):
        if isinstance(each.get("context"), str) and each["context"] != _EDUID:
            yield Issue("external_id_context", pointer=f"/externalIdentifiers/{place}/context")


def pupil_and_staff(facts: Facts) -> Iterator[Found]:
    """Who is both a pupil and one of the staff is two persons."""
    persons = facts.persons
    for position, key in keys(facts.duties.persons):
        person = persons.positions.get(key)
        if person is not None and persons.flags[person] & persons.PUPIL:
            yield Found("duties", position, Issue("pupil_and_staff", pointer="/person/id", ids=(persons.id(person),)))


def no_account(facts: Facts) -> Iterator[Found]:
    """A person has an enrolment or a duty: without, no account is made."""
    persons = facts.persons
    employed = _employed(facts)
    for position, key in enumerate(persons.positions):
        if not persons.flags[position] & (persons.PUPIL | persons.NOBODY) and key not in employed:
            yield Found("persons", position, Issue("no_account", "warning", ""))


def guardians(facts: Facts) -> Iterator[int]:
    """Gives the positions of persons with neither enrolment, duty nor login: they are not sent, and counted once."""
    persons = facts.persons
    employed = _employed(facts)
    for position, key in enumerate(persons.positions):
        if persons.flags[position] & persons.NOBODY and key not in employed:
            yield position


def _is_staff(person: Item) -> bool:
    enrolments = person.get("enrolments")
    return enrolments is None or enrolments == []


def _employed(facts: Facts) -> set[bytes]:
    return {key for _, key in keys(facts.duties.persons)}
