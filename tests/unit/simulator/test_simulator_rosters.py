"""The two published rosters sent in batches: the clean one without a word, the other with exactly its known defects."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.simulator.reference import Reference
from app.simulator.shapes import KINDS, RESOURCE_TYPES
from tests.unit.simulator.simulator_parts import Desk

_ROSTERS = Path(__file__).resolve().parents[3].parent / "shared" / "rosters"
_CASES = _ROSTERS.with_name("cases")
_BATCH = 200

pytestmark = pytest.mark.skipif(not _ROSTERS.is_dir(), reason="the published rosters are not beside the repository")


def _read(name: str) -> Any:
    return json.loads((_ROSTERS / name).read_text())


def _send(roster: dict[str, Any], *, left_out: set[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Sends a roster stage by stage and gives each object's response by kind and id."""
    desk = Desk()
    desk.world.reset(reference=True)
    desk.world.reference.put(roster)
    organisation = roster["huvudman"]["organisationNumber"]
    answered: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in KINDS:
        items = [item for item in roster[kind] if item["id"] not in left_out]
        answered[kind] = {}
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            job_id = desk.send(kind, *batch, organisation=organisation)
            desk.clock.now += 5
            responses = desk.responses(kind, job_id, organisation=organisation)
            answered[kind] |= {item["id"]: response for item, response in zip(batch, responses, strict=True)}
    return answered


def _with_status(answered: dict[str, dict[str, Any]], status: str) -> set[str]:
    return {object_id for object_id, response in answered.items() if response["status"] == status}


def test_every_object_of_the_clean_roster_is_a_success() -> None:
    answered = _send(_read("small.json"), left_out=set())
    assert {kind: Counter(one["status"] for one in responses.values()) for kind, responses in answered.items()} == {
        "persons": {"Success": 658},
        "duties": {"Success": 58},
        "groups": {"Success": 83},
        "activities": {"Success": 52},
    }


@pytest.fixture(scope="module")
def defects() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = _read("small-with-defects.expected.json")["defects"]
    return listed


@pytest.fixture(scope="module")
def answered(defects: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    left_out = {defect["id"] for defect in defects if defect["level"] == "schema"}
    return _send(_read("small-with-defects.json"), left_out=left_out)


def _listed(defects: list[dict[str, Any]], kind: str, *levels: str) -> set[str]:
    return {defect["id"] for defect in defects if defect["type"] == kind and defect["level"] in levels}


def test_each_record_that_breaks_the_schema_would_sink_its_batch(defects: list[dict[str, Any]]) -> None:
    roster, desk = _read("small-with-defects.json"), Desk()
    refused = {
        item["id"]
        for kind in KINDS
        for item in roster[kind]
        if desk.call("POST", f"/{kind}/bulk", {"data": [item]}, updateIfExists="true").status == 400
    }
    assert refused == {defect["id"] for defect in defects if defect["level"] == "schema"}


def test_the_persons_in_error_are_those_of_level_error_and_one_of_the_eppn_pair(
    answered: dict[str, dict[str, dict[str, Any]]], defects: list[dict[str, Any]]
) -> None:
    (pair,) = ({one["id"], one["otherId"]} for one in defects if one["kind"] == "eppn_duplicate")
    errors = _with_status(answered["persons"], "Error")
    assert errors - pair == _listed(defects, "persons", "error") - pair
    assert len(errors & pair) == 1


def test_the_only_warned_person_has_a_weak_eppn(
    answered: dict[str, dict[str, dict[str, Any]]], defects: list[dict[str, Any]]
) -> None:
    warned = _with_status(answered["persons"], "Warning")
    assert warned == _listed(defects, "persons", "warning")
    assert [answered["persons"][one]["warnings"][0]["id"] for one in warned] == ["3047"]


def test_later_stages_fail_where_what_they_need_is_missing(
    answered: dict[str, dict[str, dict[str, Any]]], defects: list[dict[str, Any]]
) -> None:
    """Everything is sent here: what a careful client would leave out or skip is refused or warned about."""
    roster = _read("small-with-defects.json")
    held = {kind: _with_status(answered[kind], "Success") | _with_status(answered[kind], "Warning") for kind in KINDS}
    expected_duties = {duty["id"] for duty in roster["duties"] if duty["person"]["id"] not in held["persons"]}
    assert _with_status(answered["duties"], "Error") == expected_duties
    assert len(expected_duties) == 5
    warned_groups = {
        group["id"]
        for group in roster["groups"]
        if group["id"] in held["groups"]
        and any(one["person"]["id"] not in held["persons"] for one in group["groupMemberships"])
    }
    assert _with_status(answered["groups"], "Warning") == warned_groups
    assert _with_status(answered["groups"], "Error") == set()
    expected_activities = {
        activity["id"]
        for activity in roster["activities"]
        if any(group["id"] not in held["groups"] for group in activity["groups"])
        or any(teacher["duty"]["id"] not in held["duties"] for teacher in activity["teachers"])
    }
    assert _with_status(answered["activities"], "Error") == expected_activities
    assert _listed(defects, "activities", "error") <= expected_activities


def test_every_log_entry_names_its_object(answered: dict[str, dict[str, dict[str, Any]]]) -> None:
    for kind in KINDS:
        for object_id, response in answered[kind].items():
            for entry in (*response["errors"], *response["warnings"]):
                assert (entry["resourceId"], entry["resourceType"]) == (object_id, RESOURCE_TYPES[kind])


@pytest.mark.skipif(not _CASES.is_dir(), reason="the published cases are not beside the repository")
def test_the_reference_of_the_cases_is_taken_as_it_is() -> None:
    reference = Reference()
    document = json.loads((_CASES / "C00-reference.json").read_text(encoding="utf-8"))
    assert reference.put(document) == {"huvudman": 0, "schoolUnits": 2, "programmes": 0, "nationalActivities": 1}
    assert reference.published("schoolUnits") == document["schoolUnits"]
    assert reference.published("nationalActivities") == document["nationalActivities"]
