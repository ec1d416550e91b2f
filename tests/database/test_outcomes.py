"""What became of all records of a run that has ended, as the database says it."""

import psycopg
import pytest

from app.domain.outcome import OUTCOMES


@pytest.mark.parametrize(
    ("total", "accepted", "warned", "left", "outcome"),
    [
        pytest.param(0, 0, 0, 0, "clean", id="nothing to send"),
        pytest.param(2, 2, 0, 0, "clean", id="all well"),
        pytest.param(2, 1, 1, 0, "with_warnings", id="a warning"),
        pytest.param(2, 0, 2, 0, "with_warnings", id="warnings alone"),
        pytest.param(2, 1, 0, 1, "with_errors", id="one was left behind"),
        pytest.param(3, 1, 1, 1, "with_errors", id="one warned of, one left behind"),
        pytest.param(2, 0, 0, 2, "nothing_accepted", id="nothing was taken"),
    ],
)
def test_an_outcome_is_what_became_of_all_records(
    cursor: psycopg.Cursor, total: int, accepted: int, warned: int, left: int, outcome: str
) -> None:
    cursor.execute("SELECT outcome_of(%s, %s, %s, %s)", (total, accepted, warned, left))
    assert cursor.fetchone() == (outcome,)
    assert outcome in OUTCOMES
