"""Records: whom they show to whom."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.views.record import show_names, show_record, show_record_detail
from tests.unit.views.rows import DUTY, NORTH, PUPIL, SOUTH, TEACHER, mask, mask_result, pupil, record, viewer


def test_a_record_shows_who_it_is_and_what_was_said() -> None:
    shown = show_record_detail(record(), viewer("pii"))
    assert [shown[name] for name in ("id", "kind", "status", "role")] == [PUPIL, "persons", "error", "Elev"]
    assert (shown["name"], shown["civic_no"]) == ("Åsa Exempelsson", "201201019807")
    assert (shown["eppn"], shown["school_year"], shown["school_type"]) == ("q7x1@edu.example.se", 6, "GR")
    assert [(each["code"], each["text"]) for each in shown["messages"]] == [("2010", "Fel värde för Åsa")]
    assert (shown["sent"], shown["received"], shown["attempts"]) == (pupil(), record()["received"], 1)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("scopes", ["", "pii", "protected", "pii protected"])
@pytest.mark.parametrize("units", [None, {NORTH}, {SOUTH}, {NORTH, SOUTH}, set()])
def test_a_masked_record_looks_the_same_whatever_it_is_masked_for(
    hidden: bool, scopes: str, units: set[UUID] | None
) -> None:
    """Without `pii`, for its protection or for its school unit: structure, ids and codes stay, nothing else.

    Those of the school go too, but where it is masked for its school unit alone.
    """
    shown = show_record_detail(record(hidden=hidden), viewer(*scopes.split(), units=units))
    may_protected = {"pii", "protected"} <= set(scopes.split())
    may = "pii" in scopes and (may_protected or not hidden) and (units is None or NORTH in units)
    expected = show_record_detail(record(), viewer("pii") if may else viewer())
    if not may and (may_protected or (scopes == "pii" and not hidden)):
        expected |= {"school_year": 6, "school_type": "GR", "school_unit": {"id": NORTH, "name": None}}
        expected |= {"sent": mask(pupil())}
    assert shown == expected
    assert ("Åsa" in json.dumps(shown, default=str, ensure_ascii=False)) is may
    listed = show_record(record(hidden=hidden), viewer(*scopes.split(), units=units))
    assert {name: shown[name] for name in listed} == listed


def test_a_masked_record_keeps_what_is_no_text() -> None:
    shown = show_record_detail(record(), viewer("protected"))
    assert (shown["name"], shown["civic_no"], shown["eppn"]) == ("***", "***", "***")
    assert (shown["sent"], shown["received"]) == (mask(pupil(), hidden=True), mask_result(record()["received"]))
    [message] = shown["messages"]
    assert (message["code"], message["attribute"]) == ("2010", "/civicNo/value")
    assert message["text"] == message["explanation"]["sv"]


def test_nothing_stays_nothing() -> None:
    """What is not there is null for everybody, and not a mask."""
    shown = show_record_detail(record(payload={}, sent=None, received=None), viewer())
    for name in ("name", "civic_no", "eppn", "sent", "received"):
        assert shown[name] is None, name


@pytest.mark.parametrize("payload", [None, "Åsa", {**pupil(), "enrolments": "x"}, pupil(PUPIL, SOUTH)])
def test_an_object_that_is_surely_of_no_unit_of_the_viewers_is_masked(payload: Any) -> None:
    shown = show_record_detail(record(payload=payload), viewer("pii", "protected", units={NORTH}))
    assert shown["sent"] == mask(pupil())


@pytest.mark.parametrize(
    ("kind", "payload", "units", "seen"),
    [
        ("duties", {"dutyAt": {"id": str(NORTH)}}, {NORTH}, True),
        ("duties", {"dutyAt": {"id": str(NORTH)}}, {SOUTH}, False),
        ("duties", {}, {NORTH}, False),
        ("groups", {"displayName": "6A", "organisation": {"id": str(NORTH)}}, {NORTH}, True),
        ("groups", {"displayName": "6A", "organisation": {"id": str(NORTH)}}, {SOUTH}, False),
        ("activities", {"displayName": "MA", "organisation": {"id": str(NORTH)}}, {NORTH}, True),
        ("activities", {"displayName": "MA", "organisation": {"id": str(NORTH)}}, {SOUTH}, False),
        # Staff by duties, which the roster knows.
        ("persons", {"givenName": "Moa"}, {SOUTH}, False),
    ],
)
def test_each_kind_has_its_school_unit(kind: str, payload: Any, units: set[UUID], seen: bool) -> None:
    """A duty's is where it is held, whoever holds it."""
    person = {"person_id": TEACHER, "person_payload": pupil(TEACHER, SOUTH)} if kind == "duties" else {}
    row = record(object_id=DUTY, kind=kind, payload=payload, received=None, **person)
    shown = show_record(row, viewer("pii", units=units))
    assert (shown["name"] != "***") is seen
    assert shown["name"] is not None


def test_a_duty_without_its_person_has_no_name() -> None:
    shown = show_record(record(kind="duties", payload={"dutyAt": {"id": str(NORTH)}}), viewer("pii"))
    assert (shown["name"], shown["role"]) == (None, "Personal")


@pytest.mark.parametrize(
    ("scopes", "hidden", "units", "name"),
    [
        ("pii", False, None, "Åsa Exempelsson"),
        ("pii protected", True, {NORTH}, "Åsa Exempelsson"),
        ("", False, None, "***"),
        ("pii", True, None, "***"),
        ("pii", False, {SOUTH}, "***"),
    ],
)
def test_a_name_is_masked_as_the_record_itself_is(
    scopes: str, hidden: bool, units: set[UUID] | None, name: str
) -> None:
    row = record(hidden=hidden)
    assert show_names([row], viewer(*scopes.split(), units=units)) == {("persons", PUPIL): name}
    assert show_record(row, viewer(*scopes.split(), units=units))["name"] == name


def test_a_duty_goes_by_its_persons_name_and_one_without_a_name_by_none() -> None:
    duty = record(kind="duties", object_id=DUTY, person_id=TEACHER, person_payload=pupil(TEACHER))
    nameless = record(kind="groups", object_id=TEACHER, payload={})
    assert show_names([duty, nameless], viewer("pii")) == {
        ("duties", DUTY): "Åsa Exempelsson",
        ("groups", TEACHER): None,
    }
