"""What is unusual of a key: ten times its usual number, and the first protected person; by numbers and days alone."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from app.domain.unusual_reading import KeyDay, Unusual, unusual

TODAY = date(2027, 3, 31)


def days(*objects: int, key: str = "k1", until: date = TODAY, since: date | None = None) -> list[KeyDay]:
    """Makes days in a row, the last of them `until`."""
    first = until - timedelta(days=len(objects) - 1)
    return [
        KeyDay(key=key, organisation="2120009812", day=first + timedelta(days=at), objects=each, protected_since=since)
        for at, each in enumerate(objects)
    ]


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ([], False),
        ([50_000], False),
        ([100, 100, 1000], False),
        ([100, 100, 100, 1000], True),
        ([100, 100, 100, 999], False),
        ([5, 5, 5, 999], False),
        ([5, 5, 5, 1000], True),
        ([200, 200, 200, 1999], False),
        ([200, 200, 200, 2000], True),
        ([100, 9000, 100, 100, 1000], True),
        ([9000, 9000, 100, 9000, 9000], False),
    ],
)
def test_ten_times_as_much_as_usual_is_told(objects: Sequence[int], told: bool) -> None:
    """Not of a key that is new, not of a few objects, and one day of much makes none usual."""
    assert [each.what for each in unusual(days(*objects), TODAY)] == ["reads_more"] * told


def test_it_says_how_much_and_what_is_usual() -> None:
    assert unusual(days(100, 120, 140, 5000), TODAY) == [
        Unusual("reads_more", "k1", "2120009812", TODAY, objects=5000, usual=120)
    ]


@pytest.mark.parametrize(("ago", "told"), [(0, True), (1, True), (2, False), (-1, False)])
def test_it_is_told_today_and_tomorrow(ago: int, told: bool) -> None:
    last = TODAY - timedelta(days=ago)
    assert bool(unusual(days(1, 1, 1, 5000, until=last), TODAY)) is told


def test_what_is_long_ago_is_not_what_is_usual() -> None:
    old = days(1, 1, 1, until=TODAY - timedelta(days=29))
    assert unusual([*old, *days(5000)], TODAY) == []


@pytest.mark.parametrize(
    ("since", "told"), [(None, False), (TODAY, True), (TODAY - timedelta(days=1), False), (date(2026, 1, 1), False)]
)
def test_the_first_protected_person_is_told(since: date | None, told: bool) -> None:
    assert [each.what for each in unusual(days(1, since=since), TODAY)] == ["protected_first"] * told


def test_keys_are_told_apart() -> None:
    found = unusual([*days(1, 1, 1, 5000, key="k2"), *days(1, 1, 1, 1), *days(1, key="k3", since=TODAY)], TODAY)
    assert [(each.key, each.what) for each in found] == [("k2", "reads_more"), ("k3", "protected_first")]
