"""A roster comes again, takes protection away, gives an id and logins to others: what is sent of it and what is not."""

import json
from copy import deepcopy
from typing import Any

from app.demo.roster import roster_only
from tests.journeys.conftest import Json, Service
from tests.journeys.promises import assert_kept

EPPN = "eduPersonPrincipalNames"
PROTECTED, OPEN = "Sekretessmarkering", "Ingen"


def put(service: Service, activity_id: str, roster: Json) -> None:
    content = json.dumps({"display_name": "Nationella prov", "roster": roster_only(roster)})
    service.api.put(f"/activities/{activity_id}", content=content).raise_for_status()


def provision(service: Service, activity_id: str, **body: Any) -> Json:
    answer = service.api.post(f"/activities/{activity_id}/provision", json=body)
    assert answer.status_code == 202, answer.text
    return service.finished(answer.json()["id"])


def at_skolverket(service: Service) -> dict[str, Json]:
    """Gives the persons that Skolverket has, by their ids."""
    stored = service.outside.get(f"{service.simulator}/_simulator/objects").raise_for_status().json()["objects"]
    return {each["object"]["id"]: each["object"] for each in stored if each["kind"] == "persons"}


def test_what_a_later_roster_takes_away_stays_until_it_is_allowed(service: Service, clean: Json) -> None:
    """And a chain of logins that move from one to the next arrives whole, whatever its order in the roster."""
    before = deepcopy(clean)
    pupils = [each for each in before["persons"] if each.get("enrolments")]
    hidden, reused, *chain = pupils[:5]
    hidden["securityMarking"] = PROTECTED
    service.worker()
    activity_id = service.store(before)
    assert provision(service, activity_id)["outcome"] == "clean"

    after = deepcopy(before)
    persons = {each["id"]: each for each in after["persons"]}
    persons[hidden["id"]]["securityMarking"] = OPEN
    another = {
        "givenName": "Örjan",
        "familyName": "Provsson",
        "civicNo": {"value": "20150302TF16", "nationality": "SE"},
    }
    persons[reused["id"]].update(another)
    eppns = [*(each[EPPN] for each in chain[1:]), ["x7q2z9@edu.exempelkoping.se"]]
    for each, eppn in zip(chain, eppns, strict=True):
        persons[each["id"]][EPPN] = eppn
    put(service, activity_id, after)
    found = service.get(f"/activities/{activity_id}/findings", code="eppn_of_another_before")["data"]
    assert {each["id"] for each in found} == {each["id"] for each in chain[:-1]}

    run = provision(service, activity_id)
    assert [each["messages"] for each in service.records(run["jobs"][0], status="error")] == []
    assert (run["status"], run["outcome"]) == ("succeeded", "with_errors")
    records = {each["id"]: each for each in service.records(run["jobs"][0])}
    for each, code in ((hidden, "weaker_marking"), (reused, "reused_id")):
        record = records.pop(each["id"])
        assert (record["status"], [said["code"] for said in record["messages"]]) == ("skipped", [code])
    assert {each["status"] for each in records.values()} == {"succeeded"}
    assert all(job["progress"]["skipped"] == job["progress"]["errors"] == 0 for job in run["jobs"][1:])
    stored = at_skolverket(service)
    assert stored[hidden["id"]]["securityMarking"] == PROTECTED
    assert stored[reused["id"]]["givenName"] == reused["givenName"]
    assert [stored[each["id"]][EPPN] for each in chain] == eppns

    allowed = provision(service, activity_id, allow=["weaker_marking", "reused_id"])
    assert allowed["outcome"] == "clean"
    stored = at_skolverket(service)
    assert stored[hidden["id"]]["securityMarking"] == OPEN
    assert stored[reused["id"]]["givenName"] == "Örjan"
    assert_kept(service, run, allowed)
