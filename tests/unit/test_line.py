"""In which order calls leave: organisations in turn, each one's calls as they came."""

import pytest

from app.domain.line import Line


def line_of(*calls: str) -> Line[str]:
    """A line in which calls have joined in that order; the first letter of each is its organisation."""
    line = Line[str]()
    for call in calls:
        line.join(call[0], call)
    return line


def order(line: Line[str]) -> list[str]:
    """Takes all calls out."""
    return [call for _ in range(len(line)) if (call := line.next()) is not None]


@pytest.mark.parametrize(
    ("joined", "leave"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param(["a1", "a2", "a3"], ["a1", "a2", "a3"], id="one organisation"),
        pytest.param(["a1", "a2", "a3", "b1"], ["a1", "b1", "a2", "a3"], id="one call beside many"),
        pytest.param(["a1", "a2", "b1", "b2", "c1"], ["a1", "b1", "c1", "a2", "b2"], id="every third is an own"),
    ],
)
def test_organisations_have_their_turns(joined: list[str], leave: list[str]) -> None:
    assert order(line_of(*joined)) == leave


def test_who_comes_has_its_turn_in_the_round_that_is_under_way() -> None:
    line = line_of("a1", "a2", "a3", "b1", "b2")
    assert line.next() == "a1"
    line.join("c", "c1")
    assert order(line) == ["b1", "c1", "a2", "b2", "a3"]


def test_who_waits_for_each_answer_has_every_kth_call_too() -> None:
    """Beside two organisations that always have calls waiting: its next one joins when the one before is answered."""
    line = line_of(*(f"{who}{number}" for who in "ab" for number in range(1, 10)))
    line.join("c", "c1")
    taken = list[str]()
    for _ in range(12):
        taken.append(line.next() or "")
        if taken[-2:-1] and taken[-2][0] == "c":
            line.join("c", f"c{len(taken)}")
    assert [call[0] for call in taken].count("c") == 4


def test_who_has_just_had_its_turn_waits_for_the_others() -> None:
    line = line_of("a1", "b1", "b2")
    assert line.next() == "a1"
    line.join("a", "a2")
    assert order(line) == ["b1", "a2", "b2"]


def test_who_has_nothing_waiting_loses_no_turn_of_others() -> None:
    line = line_of("a1", "b1")
    assert [line.next(), line.next(), line.next()] == ["a1", "b1", None]
    line.join("b", "b2")
    line.join("a", "a2")
    assert order(line) == ["b2", "a2"]


def test_a_call_may_leave_the_line() -> None:
    line = line_of("a1", "a2", "b1")
    assert line.leave("a", "a1")
    assert not line.leave("a", "a1")
    assert line.leave("b", "b1")
    assert not line.leave("b", "b1")
    assert (len(line), order(line)) == (1, ["a2"])
