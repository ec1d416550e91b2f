"""What a plan says comes true: the run after it does the same, and what is changed then is what the next plan names."""

from copy import deepcopy

from tests.journeys.conftest import STAGES, Json, Service
from tests.journeys.promises import assert_kept

# What becomes of a record that a plan has decided on.
ENDS = {"send": {"succeeded", "warning"}, "kept_here": {"error"}, "blocked": {"skipped"}, "unchanged": {"unchanged"}}
EMPTY: Json = {stage: [] for stage in STAGES}


def spoil(roster: Json) -> Json:
    """Breaks a teacher, a duty and the only group of an activity, so that others cannot be without them."""
    spoilt = deepcopy(roster)
    lesson, other = (each for each in spoilt["activities"][:2])
    lesson["groups"] = lesson["groups"][:1]
    next(each for each in spoilt["groups"] if each["id"] == lesson["groups"][0]["id"])["groupType"] = "Kör"
    person = next(each["person"]["id"] for each in spoilt["duties"] if each["id"] == other["teachers"][0]["duty"]["id"])
    next(each for each in spoilt["persons"] if each["id"] == person)["givenName"] = 5
    spoilt["duties"][-1]["dutyRole"] = "Trumpetare"
    return spoilt


def plan_of(service: Service, activity_id: str) -> Json:
    answer = service.api.post(f"/activities/{activity_id}/plan", json={"on_record_error": "continue"})
    assert answer.status_code == 201, answer.text
    plan: Json = service.get(answer.headers["Location"])
    assert plan == answer.json()
    return plan


def items(service: Service, plan: Json, **params: object) -> list[Json]:
    return list(service.pages(f"/plans/{plan['id']}/items", **params))


def assert_came_true(service: Service, plan: Json, run: Json) -> None:
    """Each object ended as the plan had said, in as many calls."""
    for stage, job in zip(plan["stages"], run["jobs"], strict=True):
        planned = {each["id"]: each["decision"] for each in items(service, plan, stage=job["stage"])}
        ended = {record["id"]: record["status"] for record in service.records(job)}
        left = {id_ for id_, decision in planned.items() if decision == "left"}
        assert planned.keys() - left == ended.keys()
        assert not {id_ for id_, status in ended.items() if status not in ENDS[planned[id_]]}
        progress = job["progress"]
        assert stage["send"] == progress["succeeded"] + progress["warnings"]
        assert (stage["kept_here"], stage["unchanged"]) == (progress["errors"], progress["unchanged"])
        assert (stage["total"], stage["blocked"]) == (progress["total"], progress["skipped"])
        assert stage["calls"] == len(service.batches(job))


def test_a_run_does_what_its_plan_has_said(service: Service, clean: Json) -> None:
    roster = spoil(clean)
    activity_id = service.store(roster)
    plan = plan_of(service, activity_id)
    assert not service.ledger(), "Skolverket is not called"
    assert plan["marks"] == {"new": plan["totals"]["total"] - plan["totals"]["kept_here"]}
    assert [stage["kept_here"] for stage in plan["stages"]] == [1, 1, 1, 0]
    assert plan["stages"][1]["blocked"] >= 1
    assert plan["stages"][3]["blocked"] >= 1
    assert plan["stages"][3]["sent_without"] >= 1

    service.worker()
    run = service.finished(service.provision(activity_id, "continue")["id"])
    assert_kept(service, run)
    assert_came_true(service, plan, run)

    changed = deepcopy(roster)
    renamed, leaver, elsewhere = list(filter(_is_plain_pupil, clean["persons"]))[:3]
    next(each for each in changed["persons"] if each["id"] == renamed["id"])["givenName"] = "Nyåsa"
    changed["persons"] = [each for each in changed["persons"] if each["id"] != leaver["id"]]
    classes = [each for each in changed["groups"] if _members(each) & {leaver["id"]}]
    for each in classes:
        each["groupMemberships"] = [one for one in each["groupMemberships"] if one["person"]["id"] != leaver["id"]]
    service.store(changed, activity_id)
    # A later upload of somebody is sent with another activity, and then no roster wants it any more.
    other = service.store({**clean, **EMPTY, "persons": [{**elsewhere, "familyName": "Senaresson"}]})
    service.finished(service.provision(other)["id"])
    service.store({**clean, **EMPTY}, other)

    plan = plan_of(service, activity_id)
    assert plan["roster_version"] == 2
    told = {each["id"]: each for each in items(service, plan) if each["marks"] not in (["unchanged"], ["new"], [])}
    assert told.keys() == {renamed["id"], leaver["id"], elsewhere["id"], *(each["id"] for each in classes)}
    change = {"pointer": "/givenName", "old": renamed["givenName"], "new": "Nyåsa"}
    assert (told[renamed["id"]]["marks"], told[renamed["id"]]["changes"]) == (["renamed"], [change])
    assert (told[leaver["id"]]["decision"], told[leaver["id"]]["marks"]) == ("left", ["left"])
    assert [each["code"] for each in told[elsewhere["id"]]["messages"]] == ["newer_at_target"]
    assert classes
    assert {mark for each in classes for mark in told[each["id"]]["marks"]} == {"members_lost"}
    run = service.finished(service.provision(activity_id, "continue")["id"])
    assert_came_true(service, plan, run)


def _is_plain_pupil(person: Json) -> bool:
    return "enrolments" in person and person.get("securityMarking", "Ingen") == "Ingen"


def _members(group: Json) -> set[str]:
    return {each["person"]["id"] for each in group["groupMemberships"]}
