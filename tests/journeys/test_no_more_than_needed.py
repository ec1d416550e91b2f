"""What a register knows of a child besides stays here: nothing leaves that Skolverket has not published."""

import copy

from app.demo.roster import RosterPlan, generate
from tests.journeys.conftest import STAGES, Json, Service
from tests.journeys.promises import assert_kept

_MORE: Json = {
    "persons": {
        "birthDate": "2014-01-01",
        "addresses": [{"type": "Folkbokföring", "streetAddress": "Påhittade gatan 1"}],
        "phoneNumbers": [{"value": "+46700000000", "mobile": True}],
        "responsibles": [{"person": {"displayName": "Mo Ek"}, "relationType": "Vårdnadshavare"}],
        "meta": {"created": "2026-08-01T08:00:00Z"},
        "provisioningStatus": True,
        "middleName": None,
        "199901019802": {"19990101": None},
    },
    "duties": {"startDate": "2026-08-01", "signature": "MEK", "assignmentRoles": []},
    "groups": {"startDate": "2026-08-01", "meta": None, "note": {"text": "x"}},
    "activities": {"calendarEvents": [{"id": "x"}], "comment": None},
}


def test_what_is_not_published_stays_here(service: Service) -> None:
    """Not at the top of an object, nor deep in it; and what leaves succeeds whole."""
    roster = generate(RosterPlan(persons=40, schools=1, seed=3))
    wanted = {kind: {item["id"]: item for item in copy.deepcopy(roster[kind])} for kind in STAGES}
    for kind in STAGES:
        for item in roster[kind]:
            _add_more(item)
            item |= {name: value for name, value in _MORE[kind].items() if name not in item}
    service.worker()
    run = service.finished(service.provision(service.store(roster))["id"])

    assert_kept(service, run)
    for job in run["jobs"]:
        assert job["progress"]["succeeded"] == job["progress"]["total"] == len(roster[job["stage"]])
    listed = service.outside.get(f"{service.simulator}/_simulator/objects").json()["objects"]
    kept = {kind: {each["id"]: each["object"] for each in listed if each["kind"] == kind} for kind in STAGES}
    assert kept == wanted


def _add_more(value: Json) -> None:
    """Adds to every object within an object."""
    for inner in value.values():
        for each in inner if isinstance(inner, list) else [inner]:
            if isinstance(each, dict):
                _add_more(each)
                each |= {"displayName": "Mo Ek", "endDate": None}
