"""Rules for duties across a roster."""

from collections.abc import Iterator

from app.domain.issues import Issue
from app.domain.rules.facts import Facts, Found, keys


def person(facts: Facts) -> Iterator[Found]:
    """The person of a duty is among those who are sent, or who have been."""
    for position, key in keys(facts.duties.persons):
        if not facts.knows("persons", key):
            yield Found("duties", position, Issue("duty_person_unknown", pointer="/person/id"))
