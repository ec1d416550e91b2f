"""Whatever is in an object, no rule raises anything, and what is said has the severity of its code everywhere."""

from typing import Any
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import given, settings

from app.catalogue import catalogue
from app.domain.rules.check import RosterCheck
from tests.unit.rules.rosters import GIVEN, activity, duty, group, pupil, staff

SPECIMENS = {
    "persons": [pupil(1, emails=[{"value": "a@b.se", "type": "Privat"}]), staff(2)],
    "duties": [duty(3, 2)],
    "groups": [group(4, [1])],
    "activities": [activity(5, [4], [3])],
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(str(UUID(int=1))),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "person", "duty", "value", "type", "schoolType"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def spoiled(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Gives an object of which any properties, at any depth, are anything."""
    specimen = draw(st.sampled_from(SPECIMENS[kind]))
    inside = {key: draw_inside(draw, value) for key, value in specimen.items()}
    return {**inside, "id": str(UUID(int=draw(st.integers(1, 9))))}


def draw_inside(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 4)) == 0:
        return draw(VALUES)
    if isinstance(value, dict):
        return {key: draw_inside(draw, inner) for key, inner in value.items()}
    return [draw_inside(draw, inner) for inner in value] if isinstance(value, list) else value


@st.composite
def rosters(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    kinds = draw(st.lists(st.sampled_from(list(SPECIMENS)), max_size=6))
    return [(kind, draw(spoiled(kind))) for kind in kinds]


@settings(max_examples=40)
@given(rosters())
def test_no_roster_is_too_bad_to_be_read(items: list[tuple[str, dict[str, Any]]]) -> None:
    check = RosterCheck(GIVEN)
    seen, issues = set(), []
    for ordinal, (kind, item) in enumerate(items):
        if (kind, item["id"]) not in seen:
            issues += check.of_object(kind, ordinal, UUID(item["id"]), item)
            issues += check.against_open_data(kind, item)
        seen.add((kind, item["id"]))
    issues += [each.issue for each in (*check.across(), *check.across_and_open_data())]
    check.guardians()
    assert all(catalogue().issues[issue.code].severity == issue.severity for issue in issues)
