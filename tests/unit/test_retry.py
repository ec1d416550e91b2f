"""How long to wait after a fault, and until when."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry import MAX_WAIT, given_up, wait_after_fault, wait_for_answer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

spans = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=2))


@given(faulty_for=spans, asked=st.none() | spans, seed=st.integers(0, 1000))
def test_a_wait_is_never_less_than_asked_nor_more_than_five_minutes(
    faulty_for: timedelta, asked: timedelta | None, seed: int
) -> None:
    wait = wait_after_fault(faulty_for, asked, Random(seed))
    assert min(asked or timedelta(), MAX_WAIT) <= wait <= MAX_WAIT
    assert wait >= 0.6 * SECOND


def test_tries_become_rarer_while_the_fault_lasts() -> None:
    """An hour of faults costs some twenty tries, not thousands."""
    for seed in range(20):
        random, since_first, tries = Random(seed), timedelta(), 0
        while since_first < HOUR:
            since_first += wait_after_fault(since_first, None, random)
            tries += 1
        assert 15 <= tries <= 40


def test_workers_that_met_the_same_fault_do_not_come_back_together() -> None:
    waits = {wait_after_fault(60 * SECOND, None, Random(seed)) for seed in range(30)}
    assert len(waits) == 30
    assert max(waits) - min(waits) > 10 * SECOND


@pytest.mark.parametrize(
    ("fault_since", "over"),
    [(None, False), (NOW, False), (NOW - HOUR + SECOND, False), (NOW - HOUR, True), (NOW - 2 * HOUR, True)],
)
def test_faults_are_met_until_the_horizon(fault_since: datetime | None, over: bool) -> None:
    assert given_up(fault_since, NOW, HOUR) is over


@pytest.mark.parametrize("usual", [0.2, 1.2, 30.0])
def test_questions_come_ever_more_rarely_and_at_least_every_18_seconds(usual: float) -> None:
    """The second comes a little sooner than the first: most answers are there by then."""
    least = [wait_for_answer(polls, usual * SECOND, _Least()) for polls in range(30)]
    assert least[0] == min(usual * SECOND, 15 * SECOND)
    assert least[1:] == sorted(least[1:])
    most = [wait_for_answer(polls, usual * SECOND, _Most()) for polls in range(30)]
    assert max(most) <= 18 * SECOND
    assert all(timedelta() < low < high for low, high in zip(least, most, strict=True))


class _Least(Random):
    def uniform(self, a: float, b: float) -> float:
        return a


class _Most(Random):
    def uniform(self, a: float, b: float) -> float:
        return b
