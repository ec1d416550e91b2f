"""For how long what was right may be used, and how often it is asked about."""

from uuid import UUID

import pytest

from app.domain.changes import Versions, is_fresh, until_next_question


@pytest.mark.parametrize(
    ("right_at", "now", "fresh"),
    [(None, 0.0, False), (10.0, 10.0, True), (10.0, 11.0, True), (10.0, 11.001, False), (10.0, 3610.0, False)],
)
def test_what_was_right_is_good_for_a_second(right_at: float | None, now: float, fresh: bool) -> None:
    assert is_fresh(right_at, now) is fresh


@pytest.mark.parametrize(("now", "wait"), [(10.0, 0.5), (10.2, 0.3), (10.5, 0.0), (12.0, 0.0)])
def test_it_is_asked_about_twice_a_second(now: float, wait: float) -> None:
    assert until_next_question(10.0, now) == pytest.approx(wait)


def test_versions_are_put_together() -> None:
    runs, keys = frozenset([(UUID(int=1), 3)]), frozenset([("a", "7")])
    assert Versions(runs) | Versions(runs, keys) == Versions(runs, keys)
    assert [bool(each) for each in (Versions(), Versions(runs), Versions(keys=keys))] == [False, True, True]
