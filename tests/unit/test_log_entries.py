"""What Skolverket says in its messages: what it objects to, where, and of which other object."""

from typing import Any
from uuid import UUID

import pytest

from app.skolverket.log_entries import messages

A, B = UUID("a0000000-0000-4000-8000-000000000001"), UUID("b0000000-0000-4000-8000-000000000002")
GROUP = {"id": str(UUID(int=1)), "groupMemberships": [{"person": {"id": str(A)}}, {"person": {"id": "elev-17"}}]}
ACTIVITY = {"id": str(UUID(int=1)), "groups": [{"id": str(A)}], "teachers": [{"duty": {"id": str(B)}}]}
DUTY = {"id": str(UUID(int=1)), "person": {"id": str(A)}, "dutyAt": {"id": str(B)}}


@pytest.mark.parametrize(
    ("written", "type_"),
    [
        ("Ogiltigt format", "format"),
        ("OGILTIGT  FORMAT ", "format"),
        ("Ogiltigt värde", "value"),
        ("Uppgift saknas", "missing"),
        ("Ogiltig referens", "reference"),
        ("Bristfälligt värde", "weak"),
        ("Teknisk begränsning", "limit"),
        ("Behörighet saknas", "rights"),
        ("Nytt slags fel", None),
        (7, None),
        (None, None),
    ],
)
def test_a_message_has_what_it_objects_to(written: object, type_: str | None) -> None:
    [message] = messages([{"messageType": written}], "persons", None)
    assert message.type == type_


@pytest.mark.parametrize(
    ("kind", "item", "attribute", "value", "about"),
    [
        ("groups", GROUP, "groupMemberships[0].person.id", None, ("persons", A)),
        ("groups", GROUP, "groupMemberships[0]", None, ("persons", A)),
        ("groups", GROUP, "groupMemberships[0].person.id", str(B), ("persons", B)),
        ("groups", GROUP, "groupMemberships", str(B).upper(), ("persons", B)),
        ("groups", None, "groupMemberships[3].person.id", str(B), ("persons", B)),
        ("groups", GROUP, "groupMemberships[1].person.id", "elev-17", None),
        ("groups", GROUP, "organisation.id", str(B), None),
        ("groups", GROUP, "id", str(B), None),
        ("activities", ACTIVITY, "groups[0].id", None, ("groups", A)),
        ("activities", ACTIVITY, "groups[0]", None, ("groups", A)),
        ("activities", ACTIVITY, "teachers[0].duty.id", None, ("duties", B)),
        ("activities", ACTIVITY, "lärare", str(B), ("duties", B)),
        ("activities", ACTIVITY, "parentActivity.id", str(B), None),
        ("duties", DUTY, "person.id", None, ("persons", A)),
        ("duties", DUTY, "dutyAt.id", str(B), None),
        ("persons", {}, "enrolments.enroledAt.id", str(B), None),
        ("groups", GROUP, "nobody's name", str(B), None),
    ],
)
def test_a_message_names_the_object_of_the_roster_that_it_speaks_of(
    kind: str, item: object, attribute: str, value: object, about: tuple[str, UUID] | None
) -> None:
    """By its value if that is an id, else by what the object has there; school units and exams are no such objects."""
    [message] = messages([{"attributeName": attribute, "attributeValue": value}], kind, item)
    assert message.about == about


@pytest.mark.parametrize("received", [None, "x", 7, {}, {"response": 7}, {"errors": "x"}, {"response": {"errors": {}}}])
def test_without_messages_there_are_none(received: Any) -> None:
    assert list(messages(received, "persons", {})) == []
