"""The realistic rosters that stand beside the project, where they do, over mutual TLS: small.json by a member of the
federation, small-with-defects.json with a certificate from an approved issuer.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import SHARED, Json, Secure, Service, add_organisation
from tests.journeys.promises import assert_kept
from tests.tls import Form

SMALL, DEFECTS = SHARED
# What is left out or counts as absent, so that the record goes; a teacher without an address is refused all the same.
EASED = {"middle_name_null": "succeeded", "group_member_bad_uuid": "warning"}
EXPECTED = DEFECTS.with_suffix(".expected.json")

pytestmark = pytest.mark.skipif(not SMALL.parent.is_dir(), reason="no shared rosters beside the project")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def introduce(service: Service, secure: Secure, organiser: Json, form: Form) -> None:
    """Makes the organisation, which shows its certificate to Skolverket from now on."""
    add_organisation(service, organiser, secure.tls.client(organiser["organisationNumber"], form))


def test_the_small_roster_succeeds_whole(secure_service: Service, secure: Secure) -> None:
    service, roster = secure_service, read(SMALL)
    introduce(service, secure, roster["huvudman"], "entity")
    service.worker()
    run = service.finished(service.provision(service.store(roster))["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    for job in run["jobs"]:
        assert job["progress"]["succeeded"] == job["progress"]["total"] == len(roster[job["stage"]])
    assert [call["path"] for call in service.ledger()].count("/transaction") == 1
    assert_kept(service, run)


def test_the_defects_come_out_as_expected_under_continue(secure_service: Service, secure: Secure) -> None:
    service, roster, expected = secure_service, read(DEFECTS), read(EXPECTED)
    introduce(service, secure, roster["huvudman"], "certificate")
    service.worker()
    run = service.finished(service.provision(service.store(roster), "continue")["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    refused = swapped_pair(expected, service.by_status(run["jobs"][0])["error"])
    totals = eased_totals(roster, expected)
    for job in run["jobs"]:
        found = service.by_status(job)
        bad = {
            each["id"]
            for each in expected["defects"]
            if each["type"] == job["stage"] and each["level"] in {"schema", "error"} and each["kind"] not in EASED
        }
        assert found.get("error", set()) == {refused.get(each, each) for each in bad}
        settled = {status: len(found.get(status, ())) for status in totals[job["stage"]]}
        if refused and job["stage"] == "groups":
            assert sum(settled.values()) == sum(totals["groups"].values())
        else:
            assert settled == totals[job["stage"]]
    for each in expected["defects"]:
        if each["kind"] in EASED:
            job = next(job for job in run["jobs"] if job["stage"] == each["type"])
            assert each["id"] in service.by_status(job)[EASED[each["kind"]]]
    failed = service.by_status(run["jobs"][0])["error"]
    hanging = {each["id"] for each in roster["duties"] if each["person"]["id"] in failed}
    assert service.by_status(run["jobs"][1])["skipped"] == hanging
    assert_readiness(service, roster, run)
    assert_kept(service, run)


def test_the_defects_stop_the_chain_under_halt(secure_service: Service, secure: Secure) -> None:
    service, roster, expected = secure_service, read(DEFECTS), read(EXPECTED)
    introduce(service, secure, roster["huvudman"], "certificate")
    service.worker()
    run = service.finished(service.provision(service.store(roster))["id"])

    assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
    persons = run["jobs"][0]["progress"]
    assert persons["errors"] == eased_totals(roster, expected)["persons"]["error"]
    assert persons["pending"] == persons["sent"] == 0
    shown = service.get(f"/activities/{run['activity_id']}/readiness")
    assert shown["pupils"]["hindered"] == shown["pupils"]["total"] == len(in_exam(roster, roster["activities"]))
    wrong = sum(each["object"] is not None for each in shown["causes"])
    assert (shown["causes"][0]["code"], wrong) == ("records_failed", len(shown["causes"]) - 1)
    assert_kept(service, run)


def in_exam(roster: Json, activities: list[Json]) -> set[str]:
    """Gives the pupils who are in a group of these activities."""
    taking = {each["id"] for activity in activities for each in activity["groups"]}
    pupils = {each["id"] for each in roster["persons"] if each.get("enrolments")}
    groups = (group for group in roster["groups"] if group["id"] in taking)
    return pupils & {member["person"]["id"] for group in groups for member in group["groupMemberships"]}


def assert_readiness(service: Service, roster: Json, run: Json) -> None:
    """Holds what is said of the pupils against what Skolverket has: whoever is through is there, and nobody else."""
    stored: dict[str, dict[str, Json]] = {}
    answer = service.outside.get(f"{service.simulator}/_simulator/objects").raise_for_status()
    for each in answer.json()["objects"]:
        stored.setdefault(each["kind"], {})[each["object"]["id"]] = each["object"]
    there = {**roster, "groups": list(stored["groups"].values())}
    expected = in_exam(there, list(stored["activities"].values())) & stored["persons"].keys()
    path = f"/activities/{run['activity_id']}/readiness"
    through = {each["id"] for each in service.pages(f"{path}/pupils", state="through")}
    missing = {each["id"] for each in service.pages(f"{path}/pupils")}
    assert (through, missing) == (expected, in_exam(roster, roster["activities"]) - expected)
    shown = service.get(path)
    assert (shown["pupils"]["through"], shown["pupils"]["total"]) == (len(through), len(through | missing))
    assert sum(each["pupils"] for each in shown["causes"]) == len(missing)
    assert all(each["object"] and each["code"] and each["record_id"] for each in shown["causes"])


def eased_totals(roster: Json, expected: Json) -> dict[str, dict[str, int]]:
    """Gives the totals with what goes by now: its record, the groups that lack nobody else, what lacks no group."""
    totals: dict[str, dict[str, int]] = {stage: dict(each) for stage, each in expected["totals_under_continue"].items()}
    kinds = {each["id"]: each["kind"] for each in expected["defects"]}
    failed = {each["id"] for each in expected["defects"] if each["level"] in {"schema", "error"}}
    still = {each for each in failed if kinds[each] not in EASED}
    for each in failed - still:
        stage = next(defect["type"] for defect in expected["defects"] if defect["id"] == each)
        totals[stage]["error"] -= 1
        totals[stage][EASED[kinds[each]]] += 1
    for group in roster["groups"]:
        members = {member["person"]["id"] for member in group["groupMemberships"]}
        if group["id"] not in failed and members & failed and not members & still:
            totals["groups"]["warning"] -= 1
            totals["groups"]["succeeded"] += 1
    for activity in roster["activities"]:
        needed = {each["id"] for each in activity["groups"]} | {each["duty"]["id"] for each in activity["teachers"]}
        if activity["id"] not in failed and needed & failed and not needed & unsent(roster, still):
            totals["activities"]["warning"] -= 1
            totals["activities"]["succeeded"] += 1
    return totals


def unsent(roster: Json, failed: set[str]) -> set[str]:
    """Gives what failed, and the duties that stay here since their person failed."""
    return failed | {each["id"] for each in roster["duties"] if each["person"]["id"] in failed}


def swapped_pair(expected: Json, failed: set[str]) -> dict[str, str]:
    """Of two persons with one EPPN the one that came second is refused: names the other one when it was that."""
    pairs = {each["id"]: each["otherId"] for each in expected["defects"] if each["kind"] == "eppn_duplicate"}
    for one, other in pairs.items():
        assert len({one, other} & failed) == 1, "exactly one of the two"
    return {one: other for one, other in pairs.items() if other in failed}
