"""What the page of an exam before it is sent offers to allow."""

from typing import Any

import pytest

from app.web.sending import allowable


def plan(*allow: str, shrinks: bool = False) -> dict[str, Any]:
    return {"allow": list(allow), "shrinks": shrinks}


@pytest.mark.parametrize(
    ("plans", "withheld", "offered"),
    [
        ([], set(), []),
        ([plan()], set(), []),
        ([plan(), plan(shrinks=True)], set(), ["shrinks"]),
        ([plan(shrinks=True)], {"reused_id", "weaker_marking"}, ["shrinks", "weaker_marking", "reused_id"]),
        ([plan("weaker_marking")], set(), ["weaker_marking"]),
        ([plan("shrinks")], {"weaker_marking"}, ["shrinks", "weaker_marking"]),
    ],
)
def test_what_keeps_something_back_in_a_plan_is_offered(
    plans: list[dict[str, Any]], withheld: set[str], offered: list[str]
) -> None:
    """And what a plan was made with: in that it keeps nothing back."""
    assert allowable(plans, withheld) == offered
