"""Whatever the simulator says of an object is explained: by an entry, by a rule of ours, or by what it carries."""

import random
from typing import Any

import pytest

from app.catalogue import catalogue, explain, explain_message
from app.simulator import messages as simulator
from app.simulator.messages import Message, finding_entry
from app.skolverket.log_entries import messages
from app.skolverket.schemas import SCHEMAS
from app.views.issue import show_messages
from tests.unit.views.rows import record, viewer

EVERY: list[Message] = [each for each in vars(simulator).values() if isinstance(each, Message)]
NUMBERS = [each.id for each in EVERY if explain(each.id) is None and each is not simulator.NEVER_SEEN]


def entry(message: Message, attribute: str) -> dict[str, Any]:
    return finding_entry(simulator.Finding(message, attribute, "201201019807"), 0.0, "Person", None)


def test_the_simulator_says_much_that_no_list_of_ours_has() -> None:
    assert len(NUMBERS) > 20
    assert {each.id for each in EVERY} & set(catalogue().issues) >= {"2010", "3047", "5020"}


@pytest.mark.parametrize("message", EVERY, ids=[each.id for each in EVERY])
def test_every_message_of_the_simulators_is_explained(message: Message) -> None:
    """By its entry or by its kind and its attribute; one of a kind of tomorrow by its attribute alone."""
    [said] = messages([entry(message, "id")], "persons", {})
    explanation = explain(said.code) or explain_message("persons", said.severity, said.type, said.attribute)
    assert explanation is not None


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_published_attribute_of_a_refusal_gets_a_pointer_a_name_and_no_value(kind: str) -> None:
    rng = random.Random(7)
    for name in SCHEMAS[kind]["properties"]:
        message = rng.choice([each for each in EVERY if each.id in NUMBERS])
        row = record(kind=kind, payload={}, sent={}, received=[entry(message, name)])
        [shown] = show_messages(row, viewer("pii", "protected"), masked=True)
        assert (shown["attribute"], shown["code"]) == (f"/{name}", message.id)
        assert "9807" not in str(shown)
