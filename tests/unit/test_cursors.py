"""Cursors: what goes in comes out, for the same list only."""

import base64
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.http import cursors
from app.api.http.problems import BadRequest, CursorMismatch
from app.api.reading.change_cursors import LogPlace
from app.api.reading.narrowed import opened_cursor, sealed_cursor
from app.db.cipher import cipher_of, new_key
from tests.unit.views.rows import NORTH, ORGANISATION
from tests.unit.views.rows import viewer as viewer_of


def test_an_empty_cursor_is_none() -> None:
    assert cursors.read("", (cursors.number,), "jobs") is None


def test_a_sealed_cursor_tells_no_place_by_its_length() -> None:
    """However many objects of others are before it; it comes back as it was."""
    cipher = cipher_of(f"k1:{new_key()}").of(ORGANISATION, bytes(32))
    viewer, made = viewer_of("history", "pii", units={NORTH}), set()
    for place in (3, 50, 200, 10**6, 10**12):
        cursor = cursors.write((place,), "jobs", "records")
        sealed = sealed_cursor(cipher, viewer, cursor)
        assert sealed is not None
        assert opened_cursor(cipher, viewer, sealed) == cursor
        made.add(len(sealed))
    for key in ((datetime(2026, 11, 23, 8, 0, tzinfo=UTC), uuid4()), (1, 2)):
        sealed = sealed_cursor(cipher, viewer, cursors.write(key, "jobs"))
        assert sealed is not None
        made.add(len(sealed))
    assert len(made) == 1


def test_a_key_comes_back_with_its_types() -> None:
    key = (datetime(2026, 11, 23, 8, 0, 0, 123456, UTC), uuid4(), 3)
    cursor = cursors.write(key, "jobs", None)
    assert cursors.read(cursor, (cursors.moment, cursors.uuid, cursors.number), "jobs", None) == key


@pytest.mark.parametrize("listed", [("jobs", "groups"), ("runs", None), ("jobs",), ()])
def test_another_list_is_refused(listed: tuple[object, ...]) -> None:
    """By that cause, also where the other list's cursors have other parts."""
    for kinds in ((cursors.number,), (cursors.moment, cursors.uuid)):
        with pytest.raises(CursorMismatch):
            cursors.read(cursors.write((1,), "jobs", None), kinds, *listed)


@pytest.mark.parametrize("part", [-1, 2**31, True, 1.0, "1", None, [], {}])
def test_what_fits_no_column_is_refused(part: object) -> None:
    cursor = cursors.write((part,), "jobs")
    with pytest.raises(BadRequest):
        cursors.read(cursor, (cursors.number,), "jobs")


@pytest.mark.parametrize("part", ["2026-11-23T08:00:00", "yesterday", 5, None])
def test_a_time_needs_its_offset(part: object) -> None:
    with pytest.raises(BadRequest):
        cursors.read(cursors.write((part,), "jobs"), (cursors.moment,), "jobs")


@pytest.mark.parametrize("part", ["\0", "a\nb", "x" * 41, 5, None])
def test_a_text_is_short_and_one_that_a_column_can_have(part: object) -> None:
    with pytest.raises(BadRequest):
        cursors.read(cursors.write((part,), "jobs"), (cursors.text,), "jobs")


@given(st.text(min_size=1))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but BadRequest comes out of it."""
    with pytest.raises(BadRequest):
        cursors.read(text, (cursors.number,), "jobs")


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=5))
def test_any_json_is_refused(content: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
    with pytest.raises(BadRequest):
        cursors.read(text, (cursors.number,), "jobs")


def test_a_page_is_cut_and_continued() -> None:
    """The row that was read to spare is not shown, and tells that there is more."""
    rows, following = cursors.page([1, 2, 3], 2, lambda row: (row,), "jobs")
    assert (rows, cursors.read(following, (cursors.number,), "jobs")) == ([1, 2], (2,))
    assert cursors.page([1, 2], 2, lambda row: (row,), "jobs") == ([1, 2], None)


def sifted(rows: list[int], limit: int, most: int) -> tuple[list[int], str | None]:
    """Takes the even ones."""
    return cursors.sift(rows, limit, most, lambda row: row if row % 2 == 0 else None, lambda row: (row,), "search")


@pytest.mark.parametrize(
    ("rows", "limit", "most", "found", "after"),
    [
        ([], 2, 5, [], None),
        ([1, 2, 3, 4], 2, 5, [2, 4], None),
        ([1, 2, 3, 4, 5], 2, 5, [2, 4], 5),
        ([2, 4, 6, 7, 8], 2, 5, [2, 4], 4),
        ([2, 4, 5, 7], 2, 5, [2, 4], None),
        ([1, 3, 5, 7, 9], 2, 5, [], 9),
        ([1, 3, 5], 2, 5, [], None),
    ],
)
def test_candidates_are_sifted_into_pages(
    rows: list[int], limit: int, most: int, found: list[int], after: int | None
) -> None:
    """A page goes on where something may be left, also when it is short or empty."""
    taken, cursor = sifted(rows, limit, most)
    assert taken == found
    assert cursors.read(cursor, (cursors.number,), "search") == (None if after is None else (after,))


@given(st.lists(st.integers(0, 99), unique=True), st.integers(1, 5), st.integers(0, 5))
def test_all_pages_together_are_what_fits(numbers: list[int], limit: int, spare: int) -> None:
    rows, most, collected, after = sorted(numbers), limit + spare, list[int](), -1
    while True:
        taken, cursor = sifted([row for row in rows if row > after][:most], limit, most)
        collected += taken
        if (key := cursors.read(cursor, (cursors.number,), "search")) is None:
            break
        after = key[0]
    assert collected == [row for row in rows if row % 2 == 0]


def test_a_list_that_was_read_whole_is_paged_by_its_key() -> None:
    """What comes or goes meanwhile moves nothing: the next page begins behind where this one ended."""
    rows, following = cursors.cut([1, 2, 3, 4], 2, None, lambda row: (row,), "webhooks")
    assert rows == [1, 2]
    after = cursors.read(following, (cursors.number,), "webhooks")
    assert cursors.cut([0, 1, 3, 4], 2, after, lambda row: (row,), "webhooks") == ([3, 4], None)


@pytest.mark.parametrize("cursor", ["junk", cursors.write((1,), "jobs")])
def test_what_is_wrong_with_a_cursor_names_the_parameter(cursor: str) -> None:
    """That of the log of changes has another name."""
    with pytest.raises(BadRequest, match=r"^query cursor: "):
        cursors.read(cursor, (cursors.number,), "runs")
    with pytest.raises(BadRequest, match=r"^query after: "):
        LogPlace.read(cursor)
