"""Skolverket in trouble: answers that are none, limits, hours away; all is told while it lasts, and nothing is lost."""

import json
from datetime import datetime

import pytest

from app.demo.roster import RosterPlan, generate
from app.local.launcher import Child
from tests.journeys.conftest import Json, Secure, Service, add_organisation
from tests.journeys.promises import assert_kept, assert_told, faults_logged

PLAN = RosterPlan(persons=40, schools=1, seed=3)
SENDS, ANSWERS = {"path": "persons/bulk$", "method": "POST"}, {"path": "persons/bulk/jobs/"}
# The simulator answers this one with TemporaryError the first time: its job waits a second before it is done.
TEMPORARY_ONCE = "5e000001"


@pytest.fixture(scope="module")
def roster() -> Json:
    return generate(PLAN)


@pytest.fixture
def service(secure_service: Service, secure: Secure, roster: Json) -> Service:
    add_organisation(secure_service, roster["huvudman"], secure.tls.client(PLAN.organisation_number, "certificate"))
    return secure_service


def assert_succeeded(service: Service, run: Json, *workers: Child) -> None:
    """Checks that nothing is left of a fault: all records are taken, and each fault was one line in a log."""
    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    for job in run["jobs"]:
        assert job["error"] is None
        # Of runs with the same objects only the last needs to send them.
        assert job["progress"]["succeeded"] + job["progress"]["unchanged"] == job["progress"]["total"]
        lines = [line for worker in workers for line in faults_logged(worker, job)]
        assert job["attempt"] == len([line for line in lines if line["code"] != "circuit_open"])
    assert_kept(service, run)


PASSING: list[tuple[str, Json, Json]] = [
    ("answer_unreadable", SENDS, {"action": "not_json"}),
    ("answer_unreadable", ANSWERS, {"action": "not_json"}),
    ("answer_contradicts", ANSWERS, {"action": "answer_contradicts"}),
    ("connection_lost", ANSWERS, {"action": "truncate"}),
    ("timeout", SENDS, {"action": "hang", "taken": True}),
    ("job_unknown", ANSWERS, {"action": "forget_jobs"}),
]


@pytest.mark.parametrize(
    ("code", "match", "fault"),
    PASSING,
    ids=[f"{fault['action']} {'202' if match is SENDS else '200'}" for _, match, fault in PASSING],
)
def test_what_is_no_answer_is_told_and_asked_for_again(
    service: Service, roster: Json, code: str, match: Json, fault: Json
) -> None:
    service.plant({"match": match, **fault})
    worker = service.worker(SKOLVERKET_TIMEOUT="0.5")
    run_id = service.provision(service.store(roster))["id"]

    job = service.waiting(run_id, code)
    assert job["stage"] == "persons"
    assert_told(worker, job, roster)

    service.plant()
    assert_succeeded(service, service.finished(run_id), worker)


def test_records_that_an_answer_lacks_are_sent_again_alone(service: Service, roster: Json) -> None:
    service.plant({"match": ANSWERS, "action": "answer_lacks", "keep": 38, "times": 5})
    worker = service.worker()
    run_id = service.provision(service.store(roster))["id"]

    job = service.waiting(run_id, "answer_incomplete")
    assert_told(worker, job, roster)
    assert_succeeded(service, service.finished(run_id), worker)
    first, second, *repairs = (call["object_ids"] for call in service.sends() if call["resource"] == "persons")
    assert second == first[38:]
    hidden = {each["id"] for each in roster["persons"] if each.get("securityMarking", "Ingen") != "Ingen"}
    assert {each for repair in repairs for each in repair} <= hidden, "who is protected is sent without comparing"
    lost, answered = service.batches(job)
    assert (lost["status"], lost["error"], answered["status"]) == ("lost", "answer_incomplete", "answered")


def test_foreign_records_in_an_answer_are_passed_over_and_told(service: Service, roster: Json) -> None:
    first, *others = roster["persons"]
    once = {**first, "id": TEMPORARY_ONCE + first["id"][8:]}
    apart = {**roster, "persons": [once, *others], "duties": [], "groups": [], "activities": []}
    service.plant({"match": ANSWERS, "action": "answer_foreign"})
    worker = service.worker()
    run_id = service.provision(service.store(apart))["id"]

    assert_told(worker, service.waiting(run_id, "answer_foreign"), roster)
    run = service.finished(run_id)
    assert_succeeded(service, run, worker)
    assert {record["id"] for record in service.records(run["jobs"][0])} == {each["id"] for each in apart["persons"]}


def test_a_batch_whose_answer_never_can_be_read_ends_in_error_with_the_reason(service: Service, roster: Json) -> None:
    service.plant({"match": {"path": "groups/bulk/jobs/"}, "action": "not_json"})
    worker = service.worker(FAULT_HORIZON="2s")
    run_id = service.provision(service.store(roster), "continue")["id"]

    assert_told(worker, service.waiting(run_id, "answer_unreadable"), roster)
    run = service.finished(run_id)
    groups = service.records(run["jobs"][2])
    assert {record["status"] for record in groups} == {"error"}
    assert all("no_answer" in {message["code"] for message in record["messages"]} for record in groups)
    assert run["jobs"][2]["status"] == "succeeded"
    assert_kept(service, run)


def test_too_many_calls_slow_down_all_workers_and_nothing_is_lost(service: Service, roster: Json) -> None:
    """For as long as was asked, each time."""
    workers = [service.worker() for _ in range(2)]
    activities = [service.store(roster) for _ in range(2)]
    service.plant({"match": {"path": "/bulk"}, "action": "status", "status": 429, "retry_after": 1, "times": 2})
    runs = [service.provision(activity)["id"] for activity in activities]

    job = service.waiting(runs, "http_429")
    assert any(line["code"] == "http_429" for worker in workers for line in faults_logged(worker, job))
    for run in [service.finished(run_id) for run_id in runs]:
        assert_succeeded(service, run, *workers)
    assert_paused(service.ledger())


def assert_paused(ledger: list[Json]) -> None:
    """Checks that after a 429 nothing more comes, but for what had left, until the second is over that it asked for."""
    calls = [call for call in ledger if "/bulk" in call["path"]]
    refused = [call for call in calls if call["status"] == 429]
    assert refused
    for told in refused:
        early = [call for call in calls if told["answered_at"] + 0.2 < call["time"] < told["answered_at"] + 0.99]
        assert early == []


def seconds(line: Json) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def test_while_skolverket_is_away_all_wait_for_a_probe(service: Service, roster: Json) -> None:
    """Through a window of 503 the circuit opens, shows wherever somebody looks, and closes by a probe."""
    service.plant({"match": {"path": "^/provisioning/"}, "action": "status", "status": 503, "for": 60})
    runs = [service.provision(service.store(roster))["id"] for _ in range(3)]
    worker = service.worker()

    job = service.waiting(runs[0], "circuit_open", within=60)
    assert_told(worker, job, roster)
    readiness = service.get("/readyz")
    assert readiness["status"] == "degraded"
    assert "http_503" in readiness["checks"]["skolverket_provisioning"]
    assert 'provkedja_circuit_open{service="provisioning"} 1.0' in service.figures()

    service.plant()
    ended = [service.finished(run_id) for run_id in runs]
    for run in ended:
        assert_succeeded(service, run, worker)
    assert ended[0]["jobs"][0]["attempt"] == job["attempt"], "waiting is no fault of the job's"
    assert service.get("/readyz")["status"] == "ok"
    assert 'provkedja_circuit_open{service="provisioning"} 0.0' in service.figures()
    assert_probed(service, worker)


def assert_probed(service: Service, worker: Child) -> None:
    """Checks what came to the server while the circuit was open."""
    lines = [json.loads(line) for line in worker.log.read_text(encoding="utf-8").splitlines()]
    (opened,) = (seconds(line) for line in lines if line["event"].startswith("circuit opens"))
    (closed,) = (seconds(line) for line in lines if line["event"] == "circuit closes")
    # What had left before is still on its way.
    probes = [call for call in service.ledger() if opened + 0.1 < call["time"] < closed]
    assert {call["path"] for call in probes} == {"/provisioning/v1/alive"}
    assert probes[-1]["status"] == 200
    assert len(probes) <= 1 + (closed - opened) / 1.5
