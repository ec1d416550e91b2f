"""The order of a list of records: from which statuses, and from where on, a page is read."""

from typing import Any

import pytest

from app.db.record_lists import RecordOrder

_LAST = 2**31 - 1


@pytest.mark.parametrize(
    ("order", "statuses", "after", "bounds"),
    [
        (RecordOrder(), ["succeeded", "error"], None, [("error", -1), ("succeeded", -1)]),
        (RecordOrder(), ["succeeded", "error"], (7,), [("error", 7), ("succeeded", 7)]),
        (RecordOrder(descending=True), ["error"], None, [("error", _LAST)]),
        (RecordOrder("status"), ["error", "warning", "skipped"], (2, 7), [("warning", 7), ("skipped", -1)]),
        (
            RecordOrder("status", descending=True),
            ["error", "warning", "skipped"],
            (2, 7),
            [("warning", 7), ("error", _LAST)],
        ),
        (RecordOrder("status"), ["error"], (2, 7), []),
    ],
)
def test_a_page_begins_behind_the_last_one_in_each_status(
    order: RecordOrder, statuses: list[str], after: tuple[Any, ...] | None, bounds: list[tuple[str, int]]
) -> None:
    assert order.bounds(statuses, after) == bounds
