"""When a service counts as away, and how often it is asked whether it is back."""

from random import Random

import pytest

from app.domain.circuit import Circuit, next_probe, opens


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
    assert opens(failures, seconds) is open_


@pytest.mark.parametrize(("open_for", "least", "most"), [(0, 1.6, 2), (10, 8, 10), (7200, 48, 60)])
def test_probes_become_rarer_down_to_one_a_minute(open_for: int, least: float, most: float) -> None:
    for seed in range(50):
        assert least <= next_probe(open_for, Random(seed)) <= most


def failing(times: int, *, since: float = 0.0, until: float = 3.0) -> Circuit:
    """A circuit after so many failures in a row, the last at `until`."""
    circuit, random = Circuit(), Random(1)
    for number in range(times):
        circuit.nobody_there("timeout", since if number < times - 1 else until, random)
    return circuit


def test_failures_over_a_while_open_it_once() -> None:
    circuit, random = failing(4), Random(1)
    assert not circuit.is_open
    assert [circuit.nobody_there("http_503", 4.0, random) for _ in range(2)] == [True, False]
    assert (circuit.failures, circuit.failing_since, circuit.code, circuit.opened_at) == (6, 0.0, "http_503", 4.0)


def test_an_answer_begins_the_count_anew_and_closes_it() -> None:
    circuit = failing(4)
    assert not circuit.answered()
    assert not circuit.nobody_there("timeout", 60.0, Random(1))
    circuit = failing(5)
    assert circuit.is_open
    assert circuit.answered()
    assert circuit == Circuit(code="timeout")


def test_while_it_is_open_one_probes_and_the_others_wait() -> None:
    circuit, random = failing(5), Random(1)
    wait = circuit.until_probe(3.0, 10, random)
    assert wait is not None
    assert 1 < wait <= 2
    assert circuit.until_probe(3.0 + wait, 10, random) is None, "the one who asks first may probe"
    assert circuit.until_probe(3.0 + wait, 10, random) == 10, "the others wait until the probe must have ended"
    circuit.return_probe(4.0 + wait)
    assert circuit.until_probe(4.0 + wait, 10, random) is None, "what came to nothing is somebody else's"
    assert Circuit().until_probe(0.0, 10, random) is None
