"""Who we are to Skolverket and who it is to us, over mutual TLS: what is wrong is told, and mended without a retry."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.demo.roster import RosterPlan, generate
from tests.journeys.conftest import STAGES, Json, Secure, Service, add_organisation
from tests.journeys.promises import assert_kept, assert_told, faults_logged
from tests.tls import Client, Form, Issued, Tls, issue

PLAN = RosterPlan(persons=40, schools=1, seed=3)
NUMBER = PLAN.organisation_number
# What lies where an organisation's certificate and key should.
Papers = tuple[bytes | None, bytes | None]


@pytest.fixture(scope="module")
def roster() -> Json:
    return generate(PLAN)


def papers_of(issued: Issued) -> Papers:
    return issued.chain_pem, issued.key_pem


def lay(client: Client, papers: Papers) -> None:
    """Puts files where an organisation's are looked for, each at once."""
    for name, content in zip((client.certificate_file, client.key_file), papers, strict=True):
        if content is not None:
            (new := Path(f"{name}.new")).touch(0o600)
            new.write_bytes(content)
            new.replace(name)


def introduced(service: Service, secure: Secure, folder: Path, roster: Json, form: Form = "certificate") -> Client:
    """Makes an organisation whose files are the test's own; they are not there yet."""
    good = secure.tls.client(NUMBER, form)
    client = replace(good, certificate_file=str(folder / "kommun.pem"), key_file=str(folder / "kommun.key"))
    add_organisation(service, roster["huvudman"], client)
    return client


def assert_succeeded(service: Service, run: Json) -> None:
    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    for job in run["jobs"]:
        assert job["error"] is None
        assert job["progress"]["succeeded"] == job["progress"]["total"]
    assert_kept(service, run)


def transactions(service: Service) -> list[int | None]:
    """Gives how the authorisation server answered."""
    return [call["status"] for call in service.ledger() if call["path"] == "/transaction"]


SPOILT: list[tuple[str, Form, Callable[[Issued, Tls], Papers]]] = [
    ("certificate_unreadable", "certificate", lambda good, _: (b"no PEM", good.key_pem)),
    ("certificate_missing", "certificate", lambda good, _: (None, good.key_pem)),
    ("key_mismatch", "certificate", lambda good, tls: (good.chain_pem, tls.client(NUMBER, "entity").issued.key_pem)),
    ("authorisation_refused", "entity", lambda _, tls: papers_of(tls.client(NUMBER, "certificate").issued)),
]


@pytest.mark.parametrize(("code", "form", "spoil"), SPOILT, ids=[code for code, *_ in SPOILT])
def test_a_certificate_that_gets_no_token_is_told_and_replaced(
    secure_service: Service,
    secure: Secure,
    roster: Json,
    tmp_path: Path,
    code: str,
    form: Form,
    spoil: Callable[[Issued, Tls], Papers],
) -> None:
    service = secure_service
    client = introduced(service, secure, tmp_path, roster, form)
    lay(client, spoil(client.issued, secure.tls))
    worker = service.worker()
    run_id = service.provision(service.store(roster))["id"]

    job = service.waiting(run_id, code)
    assert job["stage"] == "persons"
    assert "organisations check" in job["error"]["detail"]
    assert_told(worker, job, roster, str(tmp_path), NUMBER)
    assert 200 not in transactions(service)

    lay(client, papers_of(client.issued))
    run = service.finished(run_id)
    assert_succeeded(service, run)
    assert run["jobs"][0]["attempt"] == len(faults_logged(worker, job)), "a line a fault"
    assert transactions(service).count(200) == 1


def test_a_server_that_no_authority_vouches_for_gets_nothing_until_one_does(
    secure_service: Service, secure: Secure, roster: Json, tmp_path: Path
) -> None:
    service, authorities = secure_service, tmp_path / "authorities.pem"
    authorities.write_bytes(issue("Another root", authority=True).pem)
    lay(client := introduced(service, secure, tmp_path, roster), papers_of(client.issued))
    worker = service.worker(SKOLVERKET_CA_FILE=str(authorities))
    run_id = service.provision(service.store(roster))["id"]

    job = service.waiting(run_id, "server_untrusted")
    assert_told(worker, job, roster, str(tmp_path), NUMBER)
    assert service.ledger() == []

    (tmp_path / "new.pem").write_bytes(secure.tls.ca_file.read_bytes())
    (tmp_path / "new.pem").replace(authorities)
    assert_succeeded(service, service.finished(run_id))


def test_a_server_with_a_certificate_for_another_host_gets_no_request_until_the_address_is_right(
    secure_service: Service, secure: Secure, roster: Json, tmp_path: Path
) -> None:
    service = secure_service
    lay(client := introduced(service, secure, tmp_path, roster), papers_of(client.issued))
    right = service.env["SKOLVERKET_AUTHORISATION_URL"]
    worker = service.worker(SKOLVERKET_AUTHORISATION_URL=right.replace("127.0.0.1", "localhost"))
    run_id = service.provision(service.store(roster))["id"]

    job = service.waiting(run_id, "server_wrong_host")
    assert_told(worker, job, roster, str(tmp_path), NUMBER)
    assert transactions(service) == []

    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0
    service.worker()
    assert_succeeded(service, service.finished(run_id))


def test_a_server_with_another_key_than_the_pinned_gets_no_request_and_the_run_says_why_it_failed(
    secure_service: Service, secure: Secure, roster: Json, tmp_path: Path
) -> None:
    service = secure_service
    lay(client := introduced(service, secure, tmp_path, roster), papers_of(client.issued))
    worker = service.worker(FAULT_HORIZON="2s", SKOLVERKET_AUTHORISATION_PINS="sha256//" + "A" * 43 + "=")
    run_id = service.provision(service.store(roster), "continue")["id"]

    assert_told(worker, service.waiting(run_id, "server_pin"), roster, str(tmp_path), NUMBER)
    run = service.finished(run_id)
    assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
    error = run["jobs"][0]["error"]
    assert (error["code"], error["cause"]) == ("no_contact", "server_pin")
    assert "SKOLVERKET_AUTHORISATION_PINS" in error["detail"]
    assert {record["status"] for record in service.records(run["jobs"][0])} == {"pending"}
    assert transactions(service) == []


def test_a_token_that_is_no_longer_taken_is_renewed_once_and_nobody_notices(
    secure_service: Service, secure: Secure, roster: Json
) -> None:
    service = secure_service
    add_organisation(service, roster["huvudman"], secure.tls.client(NUMBER, "entity"))
    service.plant({"match": {"path": "persons/bulk$"}, "times": 1, "action": "revoke_tokens"})
    service.worker()
    run = service.finished(service.provision(service.store(roster))["id"])

    assert_succeeded(service, run)
    assert transactions(service) == [200, 200]
    assert [job["attempt"] for job in run["jobs"]] == [0] * 4
    assert [call["status"] for call in service.sends() if call["resource"] == "persons"] == [403, 202]


def test_a_token_that_is_never_taken_is_told_and_not_renewed_again_and_again(
    secure_service: Service, secure: Secure, roster: Json
) -> None:
    service = secure_service
    add_organisation(service, roster["huvudman"], secure.tls.client(NUMBER, "certificate"))
    service.plant({"match": {"path": "persons/bulk$"}, "action": "status", "status": 403, "entry": "5002"})
    worker = service.worker()
    run_id = service.provision(service.store(roster))["id"]

    job = service.waiting(run_id, "token_refused")
    assert_told(worker, job, roster, str(secure.tls.folder), NUMBER)
    first, *_ = service.batches(job)
    assert (first["status"], first["http_status"]) == ("refused", 403)
    service.until(lambda: len(service.batches(job)) > 1, "another try")

    service.plant()
    assert_succeeded(service, service.finished(run_id))
    assert transactions(service) == [200, 200]


def spoilt_once(roster: Json) -> tuple[Json, dict[str, str]]:
    """Spoils a teacher and the only group of an activity, and names them, the teacher's duty and the activity."""
    activity = next(each for each in roster["activities"] if len(each["groups"]) == 1)
    ids = {"activities": activity["id"], "groups": activity["groups"][0]["id"]}
    ids["duties"] = activity["teachers"][0]["duty"]["id"]
    ids["persons"] = next(each["person"]["id"] for each in roster["duties"] if each["id"] == ids["duties"])
    persons = [each | {"emails": []} if each["id"] == ids["persons"] else each for each in roster["persons"]]
    elsewhere = {"organisation": {"id": "00000000-0000-4000-8000-000000000000"}}
    groups = [each | elsewhere if each["id"] == ids["groups"] else each for each in roster["groups"]]
    return {**roster, "persons": persons, "groups": groups}, ids


def assert_looked_up_before(calls: list[Json], failed: str, following: str) -> None:
    """Checks that the failed of a stage were asked for once, before anything of a later stage was sent."""
    paths = [call["path"] for call in calls if call["method"] == "POST"]
    lookups = [at for at, path in enumerate(paths) if path.endswith(f"/{failed}/lookup")]
    assert len(lookups) == 1
    assert lookups[0] < next(at for at, path in enumerate(paths) if path.endswith(f"/{following}/bulk"))


def test_a_failed_record_that_skolverket_holds_from_before_blocks_nobody(
    secure_service: Service, secure: Secure, roster: Json
) -> None:
    service = secure_service
    add_organisation(service, roster["huvudman"], secure.tls.client(NUMBER, "certificate"))
    service.worker()
    assert_succeeded(service, service.finished(service.provision(service.store(roster))["id"]))
    so_far = len(service.ledger())
    spoilt, ids = spoilt_once(roster)
    run = service.finished(service.provision(service.store(spoilt), "continue")["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    failed = {stage: service.by_status(job).get("error", set()) for stage, job in zip(STAGES, run["jobs"], strict=True)}
    assert failed == {"persons": {ids["persons"]}, "duties": set(), "groups": {ids["groups"]}, "activities": set()}
    for job in (run["jobs"][1], run["jobs"][3]):
        assert service.by_status(job) == {"succeeded": {each["id"] for each in roster[job["stage"]]}}
    activity = service.get(f"/jobs/{run['jobs'][3]['id']}/records/{ids['activities']}")
    assert activity["sent"]["groups"] == [{"id": ids["groups"]}]
    assert activity["sent"]["teachers"][0] == {"duty": {"id": ids["duties"]}}
    calls = service.ledger()[so_far:]
    assert_looked_up_before(calls, "persons", "duties")
    assert_looked_up_before(calls, "groups", "activities")
    assert_kept(service, run)


def test_a_failed_record_that_skolverket_does_not_hold_stops_what_needs_it(
    secure_service: Service, secure: Secure, roster: Json
) -> None:
    service = secure_service
    add_organisation(service, roster["huvudman"], secure.tls.client(NUMBER, "certificate"))
    service.worker()
    spoilt, ids = spoilt_once(roster)
    run = service.finished(service.provision(service.store(spoilt), "continue")["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    _, duties, _, activities = run["jobs"]
    assert service.by_status(duties)["skipped"] == {ids["duties"]}
    found = service.by_status(activities)
    assert found["skipped"] == {ids["activities"]}
    taught = {each["id"] for each in roster["activities"] if {"duty": {"id": ids["duties"]}} in each["teachers"]}
    assert found["warning"] == taught - {ids["activities"]}
    without = next(iter(service.records(activities, status="warning")))
    assert "sent_without" in {message["code"] for message in without["messages"]}
    assert_looked_up_before(service.ledger(), "persons", "duties")
    assert_looked_up_before(service.ledger(), "groups", "activities")
    assert_kept(service, run)
