"""How long to wait after a fault, and until when."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry import MAX_WAIT, given_up, until_given_up, usual_wait, wait_after_fault, wait_for_answer

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

spans = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=2))


@given(tried_for=spans, asked=st.none() | spans, seed=st.integers(0, 1000))
def test_a_wait_is_never_less_than_asked_nor_more_than_five_minutes(
    tried_for: timedelta, asked: timedelta | None, seed: int
) -> None:
    wait = wait_after_fault(tried_for, asked, Random(seed))
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
    ("tried_for", "left"),
    [(timedelta(), HOUR), (SECOND, HOUR - SECOND), (HOUR - SECOND, SECOND), (HOUR, None), (2 * HOUR, None)],
)
def test_faults_are_met_until_the_horizon(tried_for: timedelta, left: timedelta | None) -> None:
    assert given_up(tried_for, HOUR) is (left is None)
    assert until_given_up(tried_for, HOUR) == left


@pytest.mark.parametrize("usual", [0.2, 1.2, 30.0])
def test_questions_come_ever_more_rarely_and_at_least_every_18_seconds(usual: float) -> None:
    """The second comes a little sooner than the first: most answers are there by then."""
    least = [wait_for_answer(polls, usual * SECOND, _Least()) for polls in range(30)]
    assert least[0] == min(usual * SECOND, 15 * SECOND)
    assert least[1:] == sorted(least[1:])
    most = [wait_for_answer(polls, usual * SECOND, _Most()) for polls in range(30)]
    assert max(most) <= 18 * SECOND
    assert all(timedelta() < low < high for low, high in zip(least, most, strict=True))


@pytest.mark.parametrize(
    ("usual", "questions", "age", "learned"),  # the first guess is a second
    [
        pytest.param(1.0, 1, 1.1, 0.98, id="there at the first question: a little sooner next time"),
        pytest.param(1.0, 1, 5.0, 1.0, id="the first question was late: nothing is learned"),
        pytest.param(1.0, 2, 1.8, 1.25, id="not there yet: later next time"),
        pytest.param(1.0, 2, 1.1, 1.1, id="but no later than it was there"),
        pytest.param(2.0, 3, 1.9, 2.0, id="and never sooner for that"),
        pytest.param(0.1, 1, 0.1, 0.1, id="a tenth of a second at least"),
        pytest.param(15.0, 9, 600.0, 15.0, id="a quarter of a minute at most"),
        pytest.param(10.0, 1, 10.0, 9.0, id="far above the first guess it falls quickly"),
    ],
)
def test_the_usual_wait_is_learned(usual: float, questions: int, age: float, learned: float) -> None:
    found = usual_wait(usual * SECOND, questions, age * SECOND, SECOND)
    assert found.total_seconds() == pytest.approx(learned)


@pytest.mark.parametrize("takes", [(0.5, 0.6), (1.0, 1.1), (5.0, 8.0)])
def test_soon_nearly_every_answer_is_there_at_the_first_question(takes: tuple[float, float]) -> None:
    """Whatever Skolverket's time is, from a first guess of 1.2 s; and what is waited in vain stays within reason."""
    random, usual, questions, waited = Random(1), 1.2 * SECOND, 0, timedelta()
    for batch in range(400):
        ready, age, asked = random.uniform(*takes) * SECOND, timedelta(), 0
        while age < ready:
            age += wait_for_answer(asked, usual, random)
            asked += 1
        usual = usual_wait(usual, asked, age, 1.2 * SECOND)
        if batch >= 100:
            questions, waited = questions + asked, waited + age - ready
    assert questions / 300 < (1.25 if takes[1] < 3 else 1.5)
    assert waited / 300 < 0.6 * takes[1] * SECOND


class _Least(Random):
    def uniform(self, a: float, b: float) -> float:
        return a


class _Most(Random):
    def uniform(self, a: float, b: float) -> float:
        return b
