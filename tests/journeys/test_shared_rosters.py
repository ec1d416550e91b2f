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
EXPECTED = DEFECTS.with_suffix(".expected.json")
# What is left out of what is sent saves these two, which are listed as against the schema.
SAVED = {"middle_name_null": "succeeded", "group_member_bad_uuid": "warning"}
TOTALS = {
    "persons": {"error": 16, "skipped": 0, "warning": 1, "succeeded": 641},
    "duties": {"error": 1, "skipped": 4, "warning": 0, "succeeded": 53},
    "groups": {"error": 0, "skipped": 0, "warning": 22, "succeeded": 60},
    "activities": {"error": 1, "skipped": 0, "warning": 8, "succeeded": 40},
}

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
    for job in run["jobs"]:
        found = service.by_status(job)
        bad = {
            each["id"]
            for each in expected["defects"]
            if each["type"] == job["stage"] and SAVED.get(each["kind"], each["level"]) in {"schema", "error"}
        }
        assert found.get("error", set()) == {refused.get(each, each) for each in bad}
        totals = TOTALS[job["stage"]]
        assert {status: len(found.get(status, ())) for status in ("error", "skipped")} == {
            status: totals[status] for status in ("error", "skipped")
        }
        settled = {status: len(found.get(status, ())) for status in ("warning", "succeeded")}
        if refused and job["stage"] == "groups":
            assert sum(settled.values()) == totals["warning"] + totals["succeeded"]
        else:
            assert settled == {status: totals[status] for status in settled}
    for each in expected["defects"]:
        if each["kind"] in SAVED:
            job = next(job for job in run["jobs"] if job["stage"] == each["type"])
            assert each["id"] in service.by_status(job)[SAVED[each["kind"]]]
    failed = service.by_status(run["jobs"][0])["error"]
    hanging = {each["id"] for each in roster["duties"] if each["person"]["id"] in failed}
    assert service.by_status(run["jobs"][1])["skipped"] == hanging
    assert_kept(service, run)


def test_the_defects_stop_the_chain_under_halt(secure_service: Service, secure: Secure) -> None:
    service, roster = secure_service, read(DEFECTS)
    introduce(service, secure, roster["huvudman"], "certificate")
    service.worker()
    run = service.finished(service.provision(service.store(roster))["id"])

    assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
    persons = run["jobs"][0]["progress"]
    assert persons["errors"] == TOTALS["persons"]["error"]
    assert persons["pending"] == persons["sent"] == 0
    assert_kept(service, run)


def swapped_pair(expected: Json, failed: set[str]) -> dict[str, str]:
    """Of two persons with one EPPN the one that came second is refused: names the other one when it was that."""
    pairs = {each["id"]: each["otherId"] for each in expected["defects"] if each["kind"] == "eppn_duplicate"}
    for one, other in pairs.items():
        assert len({one, other} & failed) == 1, "exactly one of the two"
    return {one: other for one, other in pairs.items() if other in failed}
