"""What is sent again after a call whose answer never came, given what was accepted last and what is seen."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.domain.repair import LastAccepted, to_ask, to_send_again

ID = UUID(int=7)
A, B = "0a0a0a0a-0000-4000-8000-00000000000a", "0b0b0b0b-0000-4000-8000-00000000000b"
MEMBERS = [{"person": {"id": A}}, {"person": {"id": B}}]
GROUP = {"id": str(ID), "displayName": "6A", "groupMemberships": MEMBERS}


def last(item: dict[str, Any] | None = GROUP, *, protected: bool = False) -> LastAccepted:
    return LastAccepted(ID, b"digest", None if item is None else json.dumps(item).encode(), protected)


@pytest.mark.parametrize(
    ("accepted", "seen", "again"),
    [
        pytest.param(last(), GROUP, False, id="it is as it was accepted"),
        pytest.param(last(), dict(reversed(GROUP.items())), False, id="in another order of its fields"),
        pytest.param(
            last(),
            {**GROUP, "groupMemberships": GROUP["groupMemberships"][::-1]},
            False,
            id="in another order of a list",
        ),
        pytest.param(
            last(),
            {**GROUP, "groupMemberships": [{"person": {"id": A.upper()}}, {"person": {"id": B}}]},
            False,
            id="with an id in capitals",
        ),
        pytest.param(last(), {**GROUP, "emails": [], "middleName": None}, False, id="with empty fields"),
        pytest.param(last({**GROUP, "emails": None}), GROUP, False, id="without empty fields"),
        pytest.param(last(), {**GROUP, "displayName": "6B"}, True, id="another value"),
        pytest.param(last(), {**GROUP, "groupMemberships": MEMBERS[:1]}, True, id="fewer in a list"),
        pytest.param(last(), {**GROUP, "middleName": "x"}, True, id="a field more"),
        pytest.param(last(), {"id": str(ID)}, True, id="a field less"),
        pytest.param(last(), None, True, id="it is not there"),
        pytest.param(last(protected=True), GROUP, True, id="a protected person is not compared"),
        pytest.param(last(protected=True), None, True, id="nor asked for"),
        pytest.param(last(None), {**GROUP, "displayName": "6B"}, False, id="what is erased cannot be sent"),
        pytest.param(last(None, protected=True), None, False, id="nor be when it is protected"),
    ],
)
def test_what_is_sent_again(accepted: LastAccepted, seen: dict[str, Any] | None, again: bool) -> None:
    sent = to_send_again([accepted], {} if seen is None else {ID: seen})
    assert sent == ([(accepted, accepted.plain)] if again else [])


def test_what_was_never_accepted_is_left_alone_whatever_is_there() -> None:
    assert to_send_again([], {ID: GROUP}) == []


@pytest.mark.parametrize(
    ("accepted", "asked"),
    [(last(), [ID]), (last(protected=True), []), (last(None), [])],
    ids=["known", "protected", "erased"],
)
def test_who_is_asked_for(accepted: LastAccepted, asked: list[UUID]) -> None:
    assert to_ask([accepted]) == asked
