"""What an answer's account of the limit asks of us."""

from datetime import timedelta

import pytest

from app.domain.limits import wait_for_others

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "own", "ago", "wait"),
    [
        pytest.param(5, 0, 1, 5, 0, None, id="our own pace uses it up"),
        pytest.param(5, 1, 1, 5, 0, None, id="and nearly so"),
        pytest.param(5, 0, 1, 2, 0, 1, id="others use it"),
        pytest.param(5, 0, 0.5, 2, 0, 0.5, id="a fraction of a second"),
        pytest.param(5, 2, 1, 1, 0, None, id="there is enough for all"),
        pytest.param(10, 2, 1, 1, 0, 1, id="a fifth is left of a larger one"),
        pytest.param(5, 0, 1, 2, 0.25, 0.75, id="the time has run while the answer was made"),
        pytest.param(5, 0, 1, 2, 1.5, None, id="and is over"),
        pytest.param(None, 0, 1, 2, 0, None, id="no limit is told"),
        pytest.param(5, None, 1, 2, 0, None, id="nor what is left"),
        pytest.param(5, 0, None, 2, 0, None, id="nor when it is whole again"),
    ],
)
def test_when_others_use_the_limit_we_wait(
    limit: int | None, remaining: int | None, reset: float | None, own: int, ago: float, wait: float | None
) -> None:
    found = wait_for_others(
        limit=limit, remaining=remaining, reset=None if reset is None else reset * SECOND, own=own, ago=ago * SECOND
    )
    assert found == (None if wait is None else wait * SECOND)
