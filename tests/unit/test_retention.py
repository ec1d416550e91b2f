"""What is old enough goes, and not a moment before; and what is late is told."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.retention import LATE_AFTER, Retention

NOW = datetime(2030, 3, 1, 8, tzinfo=UTC)
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
KEPT = Retention(content=365 * DAY, history=1095 * DAY)


def test_what_was_of_use_last_before_its_time_goes() -> None:
    assert KEPT.content_before(NOW) == NOW - 365 * DAY
    assert KEPT.history_before(NOW) == NOW - 1095 * DAY


@pytest.mark.parametrize(
    ("oldest_end", "since"),
    [
        pytest.param(None, None, id="nothing has ended"),
        pytest.param(NOW, None, id="a run that has just ended"),
        pytest.param(NOW - 365 * DAY - MOMENT, None, id="due since a moment"),
        pytest.param(NOW - 365 * DAY - LATE_AFTER, None, id="due for as long as it may"),
        pytest.param(NOW - 365 * DAY - LATE_AFTER - MOMENT, NOW - LATE_AFTER - MOMENT, id="due for longer"),
        pytest.param(NOW - 4000 * DAY, NOW - 3635 * DAY, id="due for years"),
    ],
)
def test_contents_are_late_some_days_after_they_are_due(oldest_end: datetime | None, since: datetime | None) -> None:
    assert KEPT.late_since(oldest_end, NOW) == since
