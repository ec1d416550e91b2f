"""Batches: which of a call's items are shown to whom."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.views.batch import show_batch, show_batch_detail
from tests.unit.views.rows import NORTH, OTHER, PUPIL, SOUTH, batch, mask, mask_result, viewer


def seen(items: list[Any], stored: list[Any], hidden: set[UUID], masked: Callable[..., Any]) -> list[int]:
    """Gives the places of those items that are as they were stored; the others must be masked, some as `hidden`."""
    places = [place for place, item in enumerate(items) if item == stored[place]]
    assert [item for place, item in enumerate(items) if place not in places] == [
        masked(item, hidden=any(str(each) in str(item) for each in hidden))
        for place, item in enumerate(stored)
        if place not in places
    ]
    return places


@pytest.mark.parametrize(
    ("scopes", "units", "protected", "shown", "whole"),
    [
        ("pii protected", None, {PUPIL}, [0, 1], True),
        ("pii", None, set(), [0, 1], False),
        ("pii", None, {PUPIL}, [1], False),
        ("pii", None, {PUPIL, OTHER}, [], False),
        ("pii", {NORTH, SOUTH}, set(), [0, 1], False),
        ("pii protected", {NORTH, SOUTH}, set(), [0, 1], False),
        ("pii", {NORTH}, set(), [0], False),
        ("pii", {SOUTH}, {OTHER}, [], False),
        ("pii protected", {SOUTH}, {OTHER}, [1], False),
        ("protected", None, set(), [], False),
        ("", None, set(), [], False),
    ],
)
def test_items_are_seen_one_by_one(
    scopes: str, units: set[UUID] | None, protected: set[UUID], shown: list[int], whole: bool
) -> None:
    """What is of no record here is masked for all; what nobody has defined around the items, but for who sees all."""
    row = batch()
    detail = show_batch_detail(row, viewer(*scopes.split(), units=units), kind="persons", protected=protected)
    assert detail["record_ids"] == row["record_ids"]
    hidden = {"pii protected": set(), "pii": protected}.get(scopes, {PUPIL, OTHER})
    assert seen(detail["request"]["data"], row["request"]["data"], hidden, mask) == shown
    assert seen(detail["answer"]["responses"], row["answer"]["responses"], hidden, mask_result) == shown
    assert (detail["answer"].get("note"), detail["answer"].get("***")) == (("Åsa", None) if whole else (None, "***"))
    assert detail["answer"]["jobId"] == row["answer"]["jobId"]


@pytest.mark.parametrize("body", [None, "Åsa", ["Åsa"], {"data": "Åsa"}, {"data": [["Åsa"]]}])
@pytest.mark.parametrize("scopes", ["", "pii", "pii protected"])
def test_a_body_of_any_shape_is_shown(body: Any, scopes: str) -> None:
    """But for who sees all nothing is left of it; a viewer of one unit is not shown what can't be told to be its."""
    for column in ("request", "answer"):
        row = batch(**{column: body})
        whole = show_batch_detail(row, viewer(*scopes.split()), kind="persons", protected=set())[column]
        masked = {"data": [["***"]]} if body == {"data": [["Åsa"]]} and column == "request" else body
        name = "data" if column == "request" else "***"
        nothing = dict(zip([name], mask(body).values(), strict=True)) if isinstance(body, dict) else mask(body)
        assert whole == (masked if scopes == "pii protected" else nothing)
    part = show_batch_detail(
        batch(request=body), viewer(*scopes.split(), units={NORTH}), kind="persons", protected=set()
    )
    assert "Åsa" not in json.dumps(part, default=str, ensure_ascii=False)


def test_a_call_whose_sha256_has_been_erased_shows_null() -> None:
    assert show_batch(batch(request_sha256=None), viewer("pii", "protected"))["sha256"] is None


@pytest.mark.parametrize(("scopes", "units"), [("", None), ("pii", None), ("pii protected", {NORTH})])
def test_whoever_is_not_shown_all_of_a_body_is_not_shown_its_hash(scopes: str, units: set[UUID] | None) -> None:
    """Of a batch of one pupil, all but the number known, ten thousand tries would tell the number."""
    to = viewer(*scopes.split(), units=units)
    assert show_batch(batch(), to)["sha256"] is None
    assert show_batch_detail(batch(), to, kind="persons", protected=set())["sha256"] is None


def test_a_batch_without_records_is_masked_but_for_who_sees_all() -> None:
    row = batch(record_ids=[], request={"note": "Åsa"})
    for scopes, shown in (("", {"***": "***"}), ("pii", {"***": "***"}), ("pii protected", {"note": "Åsa"})):
        detail = show_batch_detail(row, viewer(*scopes.split()), kind="persons", protected=set())
        assert detail["request"] == shown


def test_a_list_shows_nothing_of_what_was_in_a_call() -> None:
    shown = show_batch(batch(), viewer("pii", "protected"))
    assert (shown["bytes"], shown["sha256"], shown["records"]) == (700, "ab" * 32, 2)
    assert shown.keys().isdisjoint({"request", "answer", "record_ids", "fence", "organisation_id"})
