"""Objects beyond their runs: who finds them, and what is shown of one."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.domain.search import Query
from app.views.found import record_fits
from app.views.object import is_visible, show_found, show_object_detail
from tests.unit.views.rows import AT, DUTY, KEY, NORTH, PUPIL, SOUTH, TEACHER, mask, pupil, record, viewer

Row = dict[str, Any]


def known(**changes: Any) -> Row:
    """Makes an opened object: a pupil's that was accepted, unless it is said otherwise."""
    return {
        **{name: value for name, value in record().items() if name not in ("status", "sent", "received", "issues")},
        "activities": [{"id": str(KEY), "display_name": "Prov"}],
        "accepted": b"1",
        "outgoing": b"1",
        "outgoing_payload": pupil(),
        "wanted": True,
        "accepted_at": AT,
        "accepted_job_id": KEY,
        "accepted_payload": pupil(),
        "landed_at": None,
        "gone_at": None,
        "findings": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("scopes", "units", "hidden", "found"),
    [
        ("pii", None, False, True),
        ("pii", {NORTH}, False, True),
        ("pii", {SOUTH}, False, False),
        ("pii", set(), False, False),
        ("pii", None, True, False),
        ("pii protected", None, True, True),
        ("protected", None, False, False),
        ("", None, False, False),
    ],
)
def test_only_who_may_see_somebody_finds_them(scopes: str, units: set[UUID] | None, hidden: bool, found: bool) -> None:
    for q in ("exempel", "9807", str(PUPIL)):
        assert record_fits(known(hidden=hidden), Query.of(q), viewer(*scopes.split(), units=units)) is found


def test_what_is_erased_is_not_found_by_its_id_either() -> None:
    assert not record_fits(known(payload=None), Query.of(str(PUPIL)), viewer("pii"))


def test_a_duty_is_found_by_what_its_person_is_found_by() -> None:
    duty = {"id": str(DUTY), "dutyRole": "Lärare", "dutyAt": {"id": str(NORTH)}}
    row = known(kind="duties", object_id=DUTY, payload=duty, person_id=TEACHER, person_payload=pupil(TEACHER))
    for q in ("exempel", str(DUTY), str(TEACHER), f"åsa {DUTY}"):
        assert record_fits(row, Query.of(q), viewer("pii"))
    assert not record_fits({**row, "person_payload": None}, Query.of("exempel"), viewer("pii"))


def test_an_object_of_other_units_is_not_there() -> None:
    assert is_visible(known(), viewer(units={NORTH}))
    assert not is_visible(known(), viewer(units={SOUTH}))
    assert not is_visible(known(payload=None), viewer(units={SOUTH}))
    assert is_visible(known(payload=None, more_units=[SOUTH]), viewer(units={SOUTH})), "its rows say whose it was"


@pytest.mark.parametrize("scopes", ["", "protected"])
def test_a_masked_object_keeps_its_structure(scopes: str) -> None:
    shown = show_object_detail(known(), [], viewer(*scopes.split()), {})
    assert (shown["name"], shown["object"], shown["accepted"]["object"]) == ("***", *[mask(pupil(), hidden=True)] * 2)
    assert "Åsa" not in json.dumps(shown, default=str, ensure_ascii=False)
    assert shown["activities"] == [{"id": str(KEY), "display_name": "Prov"}]


def test_what_was_accepted_at_another_school_is_masked_alone() -> None:
    row = known(accepted_payload=pupil(PUPIL, SOUTH))
    shown = show_object_detail(row, [], viewer("pii", units={NORTH}), {})
    assert shown["object"] == pupil()
    assert shown["accepted"]["object"] == mask(pupil(PUPIL, SOUTH))


def test_each_record_says_what_was_said_of_it_by_codes_alone() -> None:
    one = {**record(), "job_id": KEY, "run_id": KEY, "activity_id": KEY, "created_at": AT}
    shown = show_object_detail(known(), [one], viewer("pii"), {}, next_cursor="more")["records"]
    assert [each["codes"] for each in shown["data"]] == [["2010"]]
    assert shown["next_cursor"] == "more"
    assert "Åsa" not in json.dumps(shown, default=str, ensure_ascii=False)


def test_nothing_accepted_is_nothing() -> None:
    shown = show_object_detail(known(accepted=None, accepted_at=None, activities=None), [], viewer("pii"), {})
    assert (shown["accepted"], shown["activities"], shown["findings"]) == (None, [], [])
    assert {name: shown[name] for name in show_found(known(), viewer("pii"))}.keys() <= shown.keys()


@pytest.mark.parametrize(
    ("changes", "scopes", "differs"),
    [
        ({}, "pii", (False, [])),
        ({"outgoing": b"2"}, "pii", (False, [])),
        ({"outgoing": b"2", "outgoing_payload": {**pupil(), "givenName": "Ny"}}, "pii", (True, ["givenName"])),
        ({"outgoing": b"2", "outgoing_payload": {**pupil(), "givenName": "Ny"}}, "", (None, [])),
        ({}, "", (None, [])),
        ({"hidden": True}, "pii", (None, [])),
        ({"outgoing": b"2", "outgoing_payload": {**pupil(), "securityMarking": "Ingen"}}, "pii", (False, [])),
        ({"outgoing": b"2", "outgoing_payload": {**pupil(), "x": 1}, "hidden": True}, "pii", (None, [])),
        ({"outgoing": b"2", "outgoing_payload": {**pupil(), "x": 1}, "hidden": True}, "pii protected", (True, ["x"])),
        ({"outgoing": None, "outgoing_payload": None}, "pii", (True, [])),
        ({"outgoing": b"2", "accepted_payload": None}, "pii", (True, [])),
        ({"accepted": None, "accepted_payload": None}, "pii", (None, [])),
        ({"wanted": False}, "pii", (None, [])),
    ],
)
def test_an_object_says_where_the_target_has_something_else(
    changes: dict[str, Any], scopes: str, differs: tuple[bool | None, list[str]]
) -> None:
    """By what would be sent, not by its bytes; of what is erased or can't be sent only that it differs.

    Of somebody hidden not even that: whoever has guessed all of it would be told.
    """
    shown = show_object_detail(known(**changes), [], viewer(*scopes.split()), {})
    assert (shown["differs"], shown["differing"]) == differs
