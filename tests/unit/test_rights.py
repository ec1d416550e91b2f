"""What claims are worth: which rows count, and what becomes of several."""

from typing import Any, Final
from uuid import UUID

import pytest

from app.security.keys import Caller
from app.security.rights import Mapped, NoRights, Rights, narrowed, rights_of

ONE, OTHER = UUID(int=1), UUID(int=2)
NORTH, SOUTH = UUID(int=11), UUID(int=12)


def row(number: int, value: str, scopes: str, of: UUID = ONE, units: set[UUID] | None = None) -> Mapped:
    narrow = None if units is None else frozenset(units)
    return Mapped(UUID(int=100 + number), "groups", value, of, frozenset(scopes.split()), narrow)


TABLE: Final = (
    row(0, "read", "history"),
    row(1, "names", "history pii"),
    row(2, "send", "provision"),
    row(3, "all", "history pii protected"),
    row(4, "north", "history pii", units={NORTH}),
    row(5, "north protected", "history pii protected", units={NORTH}),
    row(6, "south", "history pii", units={SOUTH}),
    row(7, "south protected", "history pii protected", units={SOUTH}),
    row(8, "elsewhere", "history", of=OTHER),
    Mapped(UUID(int=200), "roles", "read", ONE, frozenset({"admin"}), None),
)


@pytest.mark.parametrize(
    ("groups", "scopes", "units", "by"),
    [
        ("read", "history", None, {0}),
        (["read"], "history", None, {0}),
        (["read", "unknown", 7, None, {"read": 1}], "history", None, {0}),
        (["read", "names", "send"], "history pii provision", None, {0, 1, 2}),
        (["read", "read"], "history", None, {0}),
        ("north", "history pii", {NORTH}, {4}),
        (["north", "south"], "history pii", {NORTH, SOUTH}, {4, 6}),
        (["north", "north protected"], "history pii protected", {NORTH}, {4, 5}),
        # In the other unit they have it not, and there is one answer for all of what is shown.
        (["north protected", "south"], "history pii", {NORTH, SOUTH}, {5, 6}),
        (["north protected", "south protected"], "history pii protected", {NORTH, SOUTH}, {5, 7}),
        # One row for all: what is of single units counts no more, and adds nothing.
        (["north protected", "names"], "history pii", None, {1}),
        (["north protected", "send"], "provision", None, {2}),
    ],
)
def test_what_claims_are_worth(groups: Any, scopes: str, units: set[UUID] | None, by: set[int]) -> None:
    found = rights_of({"groups": groups, "roles": ["other"], "sub": "read"}, TABLE)
    narrow = None if units is None else frozenset(units)
    assert found == Rights(ONE, frozenset(scopes.split()), narrow, frozenset(UUID(int=100 + each) for each in by))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "none"),
        ({"groups": []}, "none"),
        ({"groups": None}, "none"),
        ({"groups": "READ"}, "none"),
        ({"groups": "read names"}, "none"),
        ({"groups": {"read": True}}, "none"),
        ({"groups": [["read"]]}, "none"),
        ({"other": ["read"]}, "none"),
        ({"groups": ["read", "elsewhere"]}, "several_organisations"),
        ({"groups": ["elsewhere"], "roles": "read"}, "several_organisations"),
    ],
)
def test_what_is_worth_nothing(claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoRights) as refused:
        rights_of(claims, TABLE)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("row", "token", "with_protected", "scopes"),
    [
        ("history pii protected", "history pii protected", True, "history pii protected"),
        ("history pii protected", "history pii protected", False, "history pii"),
        ("history", "history pii", True, "history"),
        ("history pii", "history", True, "history"),
        ("history", "provision", True, None),
        ("protected", "protected", False, None),
    ],
)
def test_a_token_gives_no_more_than_it_says_nor_than_the_row(
    row: str, token: str, with_protected: bool, scopes: str | None
) -> None:
    caller = Caller(UUID(int=9), "oi_1", ONE, frozenset(row.split()))
    found = narrowed(caller, Rights(ONE, frozenset(token.split()), None, frozenset()), with_protected=with_protected)
    assert (found and found.scopes) == (None if scopes is None else frozenset(scopes.split()))


@pytest.mark.parametrize(
    ("row", "token", "units"),
    [
        (None, {NORTH}, {NORTH}),
        ({NORTH}, None, {NORTH}),
        ({NORTH, SOUTH}, {SOUTH}, {SOUTH}),
        ({NORTH}, {SOUTH}, None),
    ],
)
def test_units_of_the_row_and_of_the_token(
    row: set[UUID] | None, token: set[UUID] | None, units: set[UUID] | None
) -> None:
    """None at all are nobody's."""
    scopes = frozenset({"history", "pii"})
    narrow = [None if each is None else frozenset(each) for each in (row, token)]
    caller = Caller(UUID(int=9), "oi_1", ONE, scopes, school_units=narrow[0])
    found = narrowed(caller, Rights(ONE, scopes, narrow[1], frozenset()), with_protected=True)
    assert (None if found is None else found.school_units) == (None if units is None else frozenset(units))


def test_without_names_nobody_is_narrowed() -> None:
    caller = Caller(UUID(int=9), "oi_1", ONE, frozenset({"history"}))
    rights = Rights(ONE, frozenset({"history", "pii"}), frozenset({NORTH}), frozenset())
    assert narrowed(caller, rights, with_protected=True) is None
