"""A viewer: what its scopes and school units let it see."""

from uuid import UUID

import pytest

from tests.unit.views.rows import KEY, NORTH, SOUTH, viewer


@pytest.mark.parametrize(
    ("scopes", "names", "protected"),
    [
        ("", False, False),
        ("history provision", False, False),
        ("pii", True, False),
        ("protected", False, False),
        ("pii protected", True, True),
    ],
)
def test_scopes_decide_who_is_seen(scopes: str, names: bool, protected: bool) -> None:
    """`protected` counts together with `pii` alone."""
    seeing = viewer(*scopes.split())
    assert (seeing.may_see_names, seeing.may_see_protected) == (names, protected)
    assert seeing.masks(protected=False, school_units=frozenset()) is not names
    assert seeing.masks(protected=True, school_units=frozenset()) is not protected


@pytest.mark.parametrize(
    ("units", "of_object", "seen"),
    [
        (None, set(), True),
        (None, {NORTH}, True),
        (None, {None}, True),
        ({NORTH}, {NORTH}, True),
        ({NORTH}, {NORTH, SOUTH}, True),
        ({NORTH}, {NORTH, None}, True),
        ({NORTH, SOUTH}, {SOUTH}, True),
        ({NORTH}, {SOUTH}, False),
        ({NORTH}, {None}, False),
        (set(), {NORTH}, False),
        ({NORTH}, set(), False),
        (set(), set(), False),
    ],
)
def test_one_school_unit_in_common_is_enough(units: set[UUID] | None, of_object: set[UUID | None], seen: bool) -> None:
    """An object without any, or whose unit can't be read, is for those alone who see all."""
    for protected in (False, True):
        masked = viewer("pii", "protected", units=units).masks(protected=protected, school_units=of_object)
        assert masked is not seen
        assert viewer("protected", units=units).masks(protected=protected, school_units=of_object)


@pytest.mark.parametrize(
    ("scopes", "made_by", "own", "others"),
    [("history", None, True, True), ("history provision", None, True, True), ("provision", KEY, True, False)],
)
def test_without_history_only_own_runs_are_seen(scopes: str, made_by: UUID | None, own: bool, others: bool) -> None:
    seeing = viewer(*scopes.split())
    assert seeing.runs_made_by == made_by
    assert (seeing.may_see_run(KEY), seeing.may_see_run(UUID(int=99))) == (own, others)
