"""Whether it is wise to send an exam now: one word from what was found and what the plan says."""

from typing import Any

import pytest

from app.web.verdicts import likely_refused, stops_at, verdict_of


def plan(stops: bool = False, may_stop: bool = False, refused: int = 0) -> dict[str, Any]:
    stages = [
        {"stage": "persons", "stops_here": False, "may_stop_here": False},
        {"stage": "groups", "stops_here": stops, "may_stop_here": may_stop},
    ]
    return {"stages": stages, "totals": {"likely_refused": refused}}


@pytest.mark.parametrize(
    ("errors", "warnings", "planned", "key", "tone"),
    [
        (0, 0, [], "verdict_ready", "good"),
        (0, 0, [plan()], "verdict_ready", "good"),
        (0, 3, [plan()], "verdict_warnings", "warn"),
        (0, 3, [plan(refused=1)], "verdict_refused", "warn"),
        (0, 3, [plan(), plan(refused=1)], "verdict_refused", "warn"),
        (0, 3, [plan(may_stop=True, refused=1), plan()], "verdict_stops", "warn"),
        (0, 0, [plan(stops=True)], "verdict_stops", "warn"),
        (1, 3, [plan(stops=True, refused=1)], "verdict_errors", "bad"),
        (1, 0, [], "verdict_errors", "bad"),
    ],
)
def test_the_gravest_is_said(errors: int, warnings: int, planned: Any, key: str, tone: str) -> None:
    said = verdict_of({"errors": errors, "warnings": warnings}, planned, under_way=False)
    assert (said.key, said.tone) == (key, tone)


def test_nothing_is_ready_behind_a_run_that_is_under_way() -> None:
    """What is worse is said all the same."""
    for warnings, key in ((0, "verdict_under_way"), (3, "verdict_warnings")):
        said = verdict_of({"errors": 0, "warnings": warnings}, [plan()], under_way=True)
        assert (said.key, said.tone) == (key, "warn")


def test_where_a_chain_stops() -> None:
    assert stops_at([]) is None
    assert stops_at([plan()]) is None
    assert stops_at([plan(), plan(may_stop=True)]) == "groups"


def test_what_is_likely_refused_is_of_the_plan_that_reaches_furthest() -> None:
    assert (likely_refused([]), likely_refused([plan(refused=2), plan(refused=5)])) == (0, 5)
