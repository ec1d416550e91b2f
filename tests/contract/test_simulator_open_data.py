"""The simulator's open-data API on a socket: every endpoint, and errors that are one object."""

from typing import Any

import httpx
import pytest

from tests.contract.simulator_at_work import Caller
from tests.unit.simulator.simulator_parts import EXAM, FOREIGN_UNIT, ORGANISATION, UNIT, UNKNOWN

# Computed by Skolverket itself: the examples in its documents.
ORGANISATION_ID, NUMBER = "657ae6a4-2978-5fbe-b357-ba353c0f03b5", "5567044268"
UNIT_ID, UNIT_CODE = "fb22448b-b724-5e53-8a2c-d8b339206901", "31279295"
PROGRAMME_ID, PROGRAMME_CODE = "f8bd4423-9693-51ed-a854-6e9984e6c2f7", "EKJURV"
EXAM_ID, EXAM_NAME = "505c5ee0-7be4-560d-9c27-10ab0d96ac9a", "MATMAT01"
PARENT = {"id": ORGANISATION_ID, "organisationNumber": NUMBER}


def _ask(caller: Caller, path: str, method: str = "GET") -> httpx.Response:
    return caller.http.request(method, f"/open-data/v1{path}")


@pytest.fixture
def published(caller: Caller) -> Caller:
    """One of each that says little: the rest is made from it."""
    document = {
        "huvudman": {"organisationNumber": NUMBER, "status": "Active"},
        "schoolUnits": {
            "id": UNIT_ID,
            "schoolUnitCode": UNIT_CODE,
            "dnpStatus": None,  # counts as absent
            "parentOrganisation": {"organisationNumber": NUMBER},
        },
        "programmes": {"educationCode": PROGRAMME_CODE, "schoolType": "GY"},
        "nationalActivities": {"id": EXAM_ID, "displayName": EXAM_NAME, "schoolType": "GY", "schoolYear": None},
    }
    caller.http.put("/_simulator/reference", json=document).raise_for_status()
    return caller


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *[
            (path, {"id": ORGANISATION_ID, "displayName": NUMBER, "organisationNumber": NUMBER, "status": "Active"})
            for path in (f"/organisations/{ORGANISATION_ID}", f"/organisations/code/{NUMBER}?expandSchoolUnits=false")
        ],
        *[
            (path, {"id": UNIT_ID, "displayName": UNIT_CODE, "schoolUnitCode": UNIT_CODE, "parentOrganisation": PARENT})
            for path in (f"/schoolUnits/{UNIT_ID}", f"/schoolUnits/{UNIT_ID.upper()}", f"/schoolUnits/code/{UNIT_CODE}")
        ],
        *[
            (path, {"id": PROGRAMME_ID, "displayName": "EKJURV", "educationCode": "EKJURV", "schoolType": "GY"})
            for path in (f"/programmes/{PROGRAMME_ID}", f"/programmes/code/{PROGRAMME_CODE}")
        ],
        (
            f"/activities/{EXAM_ID}",
            {"id": EXAM_ID, "displayName": EXAM_NAME, "activityType": "Provaktivitet", "schoolType": "GY"},
        ),
    ],
)
def test_an_entry_is_shown_by_id_and_by_code(published: Caller, path: str, expected: dict[str, Any]) -> None:
    answer = _ask(published, path)
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    ("kind", "count", "required"),
    [
        ("programmes", 4, {"id", "displayName", "educationCode"}),
        ("activities", 3, {"id", "displayName", "activityType", "schoolType"}),
    ],
)
def test_lists_show_every_entry(published: Caller, kind: str, count: int, required: set[str]) -> None:
    entries = _ask(published, f"/{kind}").json()
    assert len(entries) == count
    assert all(required <= set(entry) for entry in entries)


def test_an_organisations_school_units_are_those_that_name_it(published: Caller) -> None:
    expanded = _ask(published, f"/organisations/code/{ORGANISATION}?expandSchoolUnits=true").json()
    ids = [unit["id"] for unit in expanded["schoolUnits"]]
    assert len(ids) == 3
    assert UNIT in ids
    assert FOREIGN_UNIT not in ids
    assert "schoolUnits" not in _ask(published, f"/organisations/code/{ORGANISATION}").json()


def test_alive_has_no_body(caller: Caller) -> None:
    answer = _ask(caller, "/alive")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/organisations/x", 400, "Invalid parameter: id"),
        ("/schoolUnits/x", 400, "Invalid parameter: id"),
        ("/programmes/x", 400, "Invalid parameter: id"),
        ("/activities/x", 400, "Invalid parameter: id"),
        (f"/organisations/code/{ORGANISATION}?expandSchoolUnits=1", 400, "Invalid parameter: expandSchoolUnits"),
        (f"/organisations/{UNKNOWN}", 404, "Organisation not found"),
        ("/organisations/code/1", 404, "Organisation not found"),
        (f"/schoolUnits/{UNKNOWN}", 404, "School unit not found"),
        ("/schoolUnits/code/1", 404, "School unit not found"),
        (f"/programmes/{UNKNOWN}", 404, "Programme not found"),
        ("/programmes/code/ekjurv", 404, "Programme not found"),
        (f"/activities/{UNKNOWN}", 404, "Activity not found"),
        ("/activities/code/MATMAT01", 404, "Not found"),
        ("/schoolUnits", 404, "Not found"),
        ("/", 404, "Not found"),
    ],
)
def test_an_error_is_one_object(published: Caller, path: str, status: int, message: str) -> None:
    answer = _ask(published, path)
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (status, status, message)
    assert set(body) == {"code", "message", "timeStamp"}


@pytest.mark.parametrize("path", ["/alive", "/programmes", f"/activities/{EXAM}", "/schoolUnits/code/1"])
def test_only_reading_is_allowed(caller: Caller, path: str) -> None:
    refused = _ask(caller, path, "POST")
    assert (refused.status_code, refused.json()["code"], refused.headers["allow"]) == (405, 405, "GET, HEAD")
    head = _ask(caller, path, "HEAD")
    assert (head.status_code, head.content) == (_ask(caller, path).status_code, b"")


def test_a_fault_speaks_as_the_service_that_it_stands_in_for(caller: Caller) -> None:
    caller.order({"action": "status", "status": 503})
    assert set(_ask(caller, "/alive").json()) == {"code", "message", "timeStamp"}
    assert set(caller.http.post("/transaction").json()) == {"error"}
    assert caller.call("GET", "/persons").json()[0]["id"] == "5022"
