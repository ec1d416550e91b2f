"""Tickets for event streams: for how long they are good, and what they say."""

import pytest

from app.security.tickets import GOOD_FOR, Ticket, of_bytes, to_bytes


@pytest.mark.parametrize(
    ("after", "good"), [(0, True), (GOOD_FOR - 1, True), (GOOD_FOR, False), (3600, False), (-GOOD_FOR - 1, False)]
)
def test_a_ticket_is_good_for_a_minute(after: float, good: bool) -> None:
    """Nor is one that comes from a clock far ahead."""
    assert Ticket.until("0123456789ab", ["history"], 1000).is_good(1000 + after) is good


def test_a_ticket_says_whose_it_is_and_what_for() -> None:
    ticket = Ticket.until("0123456789ab", ["provision", "history"], 1000.9)
    assert of_bytes(to_bytes(ticket)) == ticket == Ticket("0123456789ab", frozenset({"history", "provision"}), 1060)
