"""When a service counts as away, and how often it is asked whether it is back."""

from datetime import timedelta
from random import Random

import pytest

from app.domain.circuit import next_probe, opens

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("failures", "seconds", "open_"),
    [
        pytest.param(1, 0, False, id="one failure"),
        pytest.param(16, 0.2, False, id="one cut that ended many calls"),
        pytest.param(4, 60, False, id="a few failures over a long time"),
        pytest.param(5, 3, True, id="several, over a while"),
    ],
)
def test_the_circuit_opens_after_repeated_failures(failures: int, seconds: float, open_: bool) -> None:
    assert opens(failures, seconds * SECOND) is open_


@pytest.mark.parametrize(("open_for", "least", "most"), [(0, 1.6, 2), (10, 8, 10), (7200, 48, 60)])
def test_probes_become_rarer_down_to_one_a_minute(open_for: int, least: float, most: float) -> None:
    for seed in range(50):
        assert least <= next_probe(open_for * SECOND, Random(seed)).total_seconds() <= most
