"""Who takes an EPPN waits for who gives it; of those that wait in a circle one goes first."""

from uuid import UUID

import pytest

from app.domain.eppn_order import eppn_order


@pytest.mark.parametrize(
    ("givers", "waits", "swapping"),
    [
        ({}, {}, set()),
        # 1 takes what 2 has.
        ({1: 2}, {1: 1}, set()),
        ({1: 2, 2: 3, 3: 4}, {1: 3, 2: 2, 3: 1}, set()),
        ({3: 4, 1: 2, 2: 3}, {1: 3, 2: 2, 3: 1}, set()),
        # Two want what one has, and only one of them can get it.
        ({1: 3, 2: 3}, {1: 1, 2: 1}, set()),
        # A swap.
        ({1: 2, 2: 1}, {2: 1}, {1}),
        ({7: 5, 5: 7}, {7: 1}, {5}),
        # A circle of three: 1 goes first, who takes from it next.
        ({1: 2, 2: 3, 3: 1}, {3: 1, 2: 2}, {1}),
        # A chain that leads into a swap.
        ({9: 8, 8: 2, 1: 2, 2: 1}, {9: 3, 8: 2, 2: 1}, {1}),
        ({8: 1, 1: 2, 2: 1}, {8: 1, 2: 1}, {1}),
        # Two circles beside each other.
        ({1: 2, 2: 1, 3: 4, 4: 3}, {2: 1, 4: 1}, {1, 3}),
    ],
)
def test_the_giver_goes_before_the_taker(givers: dict[int, int], waits: dict[int, int], swapping: set[int]) -> None:
    found = eppn_order({UUID(int=taker): UUID(int=giver) for taker, giver in givers.items()})
    assert {each.int: number for each, number in found.waits.items()} == waits
    assert {each.int for each in found.swapping} == swapping


def test_a_long_chain_is_no_matter() -> None:
    """Each of 20,000 takes the EPPN of the next one."""
    found = eppn_order({UUID(int=each): UUID(int=each + 1) for each in range(20_000)})
    assert found.waits[UUID(int=0)] == 20_000
    assert not found.swapping
