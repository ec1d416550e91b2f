"""Cases that share fixtures: each is tried, and whichever fails is named."""

import pytest

from tests.tried_with import tried_with


async def test_all_cases_are_tried_and_those_that_fail_are_named() -> None:
    tried: list[int] = []

    @tried_with(("number", "even"), [(1, True), (2, True), (3, True)])
    async def one(seen: list[int], number: int, even: bool) -> None:
        seen.append(number)
        assert (number % 2 == 0) == even

    with pytest.raises(ExceptionGroup) as failed:
        await one(seen=tried)
    assert tried == [1, 2, 3]
    assert [problem.__notes__ for problem in failed.value.exceptions] == [
        ["in the case (1, True)"],
        ["in the case (3, True)"],
    ]


@tried_with("number", [2, 4])
async def test_a_fixture_is_made_once(tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    """Pytest is asked for the fixtures alone; a test whose cases all pass passes."""
    assert number % 2 == 0
