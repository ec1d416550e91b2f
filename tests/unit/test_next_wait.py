"""When a task is due again."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.tasks import next_wait

DAY = timedelta(days=1)
HALF_DAY = timedelta(hours=12)


@pytest.mark.parametrize(
    ("given", "luck", "expected"),
    [
        ({"failed": False}, 0.5, HALF_DAY),
        ({"failed": False}, 0.0, HALF_DAY * 0.9),
        ({"failed": False}, 1.0, HALF_DAY * 1.1),
        ({"failed": False, "asked": DAY, "waited": DAY}, 0.5, HALF_DAY),
        ({"failed": True}, 0.5, timedelta(seconds=30)),
        ({"failed": True}, 0.0, timedelta(seconds=24)),
        ({"failed": True}, 1.0, timedelta(seconds=36)),
        ({"failed": True, "waited": timedelta(seconds=1)}, 0.5, timedelta(seconds=30)),
        ({"failed": True, "waited": timedelta(seconds=30)}, 0.5, timedelta(minutes=1)),
        ({"failed": True, "waited": timedelta(minutes=20)}, 0.5, timedelta(minutes=40)),
        ({"failed": True, "waited": timedelta(minutes=50)}, 0.5, timedelta(hours=1)),
        ({"failed": True, "waited": DAY}, 0.5, timedelta(hours=1)),
        ({"failed": True, "asked": timedelta(seconds=5)}, 0.5, timedelta(seconds=30)),
        ({"failed": True, "asked": timedelta(minutes=5)}, 0.5, timedelta(minutes=5)),
    ],
)
def test_the_next_time(given: dict[str, Any], luck: float, expected: timedelta) -> None:
    """As often as is set; after failures sooner, each time twice as long, an hour at most, never before it is asked."""
    assert next_wait(HALF_DAY, luck, **given) == expected


def test_a_failure_never_waits_longer_than_a_success_would() -> None:
    assert next_wait(timedelta(seconds=10), 0.5, failed=True, waited=DAY) == timedelta(seconds=10)
