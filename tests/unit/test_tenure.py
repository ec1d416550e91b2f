"""How long a holder may call, and when whoever stands by takes over: never both at one time."""

import pytest

from app.domain.egress import BEAT_EVERY, CALLS_FOR, FIRST_CALL_AFTER, TAKEN_OVER_AFTER, Tenure, Watch


@pytest.mark.parametrize(("after", "holds"), [(0.0, True), (7.9, True), (8.0, False), (60.0, False)])
def test_a_holder_calls_for_eight_seconds_after_it_sent_the_last_confirmed_beat(after: float, holds: bool) -> None:
    assert (Tenure(100.0).left(100.0 + after) > 0) is holds


def test_a_beat_counts_from_when_it_was_sent_and_an_older_one_takes_nothing_away() -> None:
    tenure = Tenure(100.0)
    tenure.confirmed(102.0)
    tenure.confirmed(101.0)
    assert tenure.left(103.0) == 7.0


@pytest.mark.parametrize(
    ("looks", "now", "stands_still"),
    [
        pytest.param([(0.0, "7")], 9.9, False, id="seen for less than ten seconds"),
        pytest.param([(0.0, "7"), (9.0, "7")], 10.0, True, id="seen unchanged for ten seconds"),
        pytest.param([(0.0, "7"), (9.0, "8")], 12.0, False, id="it moved"),
        pytest.param([(0.0, "7"), (9.0, "8"), (18.0, "8")], 19.0, True, id="it moved and stands since"),
        pytest.param([(0.0, "7"), (5.0, None), (6.0, "7")], 15.9, False, id="a look failed: it begins anew"),
        pytest.param([(0.0, "7"), (5.0, None), (6.0, "7")], 16.0, True, id="ten seconds after a look that failed"),
        pytest.param([(0.0, None)], 60.0, False, id="nothing was ever seen"),
        pytest.param([], 60.0, False, id="nobody has looked"),
    ],
)
def test_who_stands_by_takes_over_from_a_beat_that_it_has_seen_stand_still(
    looks: list[tuple[float, str | None]], now: float, stands_still: bool
) -> None:
    watch = Watch()
    for at, seen in looks:
        watch.look(seen, at)
    assert watch.stood_still(now, TAKEN_OVER_AFTER) is stands_still


def test_a_holder_has_stopped_before_anybody_takes_over() -> None:
    """Whatever was sent just before the end has a second more to arrive, and a beat may be lost without harm."""
    assert CALLS_FOR < TAKEN_OVER_AFTER
    assert 3 * BEAT_EVERY < CALLS_FOR
    assert FIRST_CALL_AFTER >= 1
