"""The small inputs that stand beside the project, where they do: what sources really produce, and how each ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import ROOT, Spawn
from tests.journeys.conftest import Json, Service, add_organisation, served

CASES = ROOT.parent / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the project")


def read(name: str) -> Any:
    [path] = CASES.glob(f"{name}-*.json")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def cases(database_url: str, redis_url: str, simulator: str, spawn: Spawn, tmp_path: Path) -> Iterator[Service]:
    """The service for the organisation whose school units the cases speak of."""
    reference: Json = read("C00")
    del reference["note"]
    with served(database_url, redis_url, simulator, spawn, tmp_path) as made:
        organiser = reference["schoolUnits"][0]["parentOrganisation"]
        add_organisation(made, organiser, scopes=("provision", "history", "pii", "protected"))
        made.outside.put(f"{simulator}/_simulator/reference", json=reference).raise_for_status()
        yield made


def put(service: Service, body: Any, activity_id: str | None = None) -> Json:
    answer = service.api.put(f"/activities/{activity_id or uuid4()}", json=body)
    assert answer.status_code in (200, 201), answer.text
    stored: Json = answer.json()
    return stored


def findings(service: Service, activity: Json) -> set[tuple[str | None, str, str, str]]:
    """Gives the end of the object's id, the code, the severity and the pointer of each."""
    listed = service.pages(f"/activities/{activity['id']}/findings")
    return {(each["id"] and each["id"][-3:], each["code"], each["severity"], each["pointer"]) for each in listed}


def records(service: Service, activity: Json) -> dict[str, Json]:
    """Sends an activity, and gives its records with what was sent by the end of their object's id."""
    service.worker()
    run = service.finished(service.provision(activity["id"], "continue")["id"])
    listed = [record | {"job": job["id"]} for job in run["jobs"] for record in service.records(job)]
    return {each["id"][-3:]: service.get(f"/jobs/{each['job']}/records/{each['id']}") for each in listed}


def test_of_a_protected_person_nothing_leaves_but_what_is_published(cases: Service) -> None:
    activity = put(cases, read("C01")["body"])
    left_out = {pointer for _, code, _, pointer in findings(cases, activity) if code == "property_left_out"}
    assert left_out == {"/birthDate", "/addresses", "/phoneNumbers", "/responsibles"}
    [record] = records(cases, activity).values()
    assert record["status"] == "succeeded"
    assert record["sent"].keys() == read("C01")["body"]["roster"]["persons"][0].keys() - {p[1:] for p in left_out}
    stored = cases.outside.get(f"{cases.simulator}/_simulator/objects").text
    assert not any(secret in stored for secret in ("gata 1", "+467", "Mo Lind"))


@pytest.mark.parametrize("name", ["C03-duplicate-id-keys", "C03-duplicate-keys"])
def test_a_key_twice_in_an_object_is_refused(cases: Service, name: str) -> None:
    activity_id = str(uuid4())
    answer = cases.api.put(f"/activities/{activity_id}", content=(CASES / f"{name}.raw.json").read_bytes())
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/roster/persons/0", "duplicate_field")
    assert cases.api.get(f"/activities/{activity_id}").status_code == 404


def test_characters_that_nobody_sees_are_found_before_anybody_tries_to_log_in(cases: Service) -> None:
    activity = put(cases, read("C04")["body"])
    found = findings(cases, activity)
    of = {code: {each[0] for each in found if each[1] == code} for code in {each[1] for each in found}}
    assert of["eppn_characters"] == {"001", "003", "004", "005", "006", "007"}
    assert of["name_characters"] == {"008", "009"}
    assert of["name_blank"] == {"010"}
    assert {each[2] for each in found if each[1] in ("eppn_characters", "name_blank")} == {"error"}
    alike = [
        {end["id"][-3:] for end in each["about"]} | {each["id"][-3:]}
        for each in cases.pages(f"/activities/{activity['id']}/findings")
        if each["about"] and {end["id"][-3:] for end in each["about"]} | {each["id"][-3:]} == {"001", "002"}
    ]
    assert alike, "the two logins that look alike are named together"
    sent = records(cases, activity)
    assert {end for end, each in sent.items() if each["sent"] is None} == of["eppn_characters"]
    assert (sent["008"]["sent"]["givenName"], sent["009"]["sent"]["givenName"]) == ("Tova", "Vira")
    job = cases.get("/jobs", activity_id=activity["id"], stage="persons")["data"][0]
    for words, ends in (("Vira", {"009"}), ("90400401@edu.example-kommun.se", set()), ("9040001", {"001", "002"})):
        answer = cases.api.post(f"/jobs/{job['id']}/records/search", json={"q": words})
        assert answer.status_code == 200, answer.text
        assert ends <= {each["id"][-3:] for each in answer.json()["data"]}


def test_null_in_what_need_not_be_there_is_left_out(cases: Service) -> None:
    activity = put(cases, read("C06")["body"])
    counted = {pointer for end, code, _, pointer in findings(cases, activity) if code == "null_left_out" and not end}
    assert counted == {"/middleName", "/emails", "/groupMemberships", "/groupMemberships/-/person", "/teachers"}
    sent = records(cases, activity)
    assert {each["status"] for each in sent.values()} == {"succeeded"}
    assert not [end for end, each in sent.items() if "null" in json.dumps(each["sent"])]


def test_a_pupil_goes_without_a_bad_address(cases: Service) -> None:
    activity = put(cases, read("C07")["body"])
    found = {each for each in findings(cases, activity) if each[3].startswith("/emails")}
    assert {(end, code, pointer) for end, code, _, pointer in found} >= {
        (f"00{number}", "value_left_out", "/emails/0") for number in (1, 2, 3, 4)
    }
    sent = records(cases, activity)
    assert {each["status"] for each in sent.values()} == {"warning"}
    assert [each["sent"]["emails"] for each in sent.values()] == [[]] * 4
    assert {message["attribute"] for each in sent.values() for message in each["messages"]} == {"/emails/0"}


def test_what_breaks_a_rule_is_a_finding_before_anything_is_sent(cases: Service) -> None:
    activity = put(cases, read("C08")["body"])
    found = findings(cases, activity)
    assert cases.sends() == []
    errors = {end for end, _, severity, _ in found if severity == "error"}
    assert errors == {"001", "002", "003", "004", "005", "006", "007", "008", "010"}
    warnings = {end for end, _, severity, _ in found if severity == "warning"}
    assert warnings == {"008", "011", "012", "013"}
    refused = {end for end, each in records(cases, activity).items() if each["status"] == "error"}
    assert refused <= errors


def test_a_name_of_a_hundred_thousand_letters_is_a_finding_and_cut_in_lists(cases: Service) -> None:
    body = read("C07")["body"]
    person = body["roster"]["persons"][0]
    group = {"id": str(uuid4()), "displayName": "Å" * 120_000, "groupType": "Klass", "schoolType": "GR"}
    group["organisation"] = person["enrolments"][0]["enroledAt"]
    persons = [{**person, "givenName": "a" * 100_000}]
    activity = put(cases, {**body, "roster": {"persons": persons, "groups": [group]}})
    long = {(pointer, severity) for _, code, severity, pointer in findings(cases, activity) if code == "name_long"}
    assert long == {("/givenName", "warning"), ("/displayName", "warning")}
    cases.worker()
    run = cases.finished(cases.provision(activity["id"], "continue")["id"])
    names = [each["name"] for job in run["jobs"] for each in cases.records(job)]
    assert len(names) == 2
    assert all(len(name) <= 255 and name.endswith("…") for name in names)


def test_a_body_that_is_compressed_is_refused_with_what_would_be_taken(cases: Service) -> None:
    answer = cases.api.put(
        f"/activities/{uuid4()}",
        content=(CASES / "C12-gzip-body.json.gz").read_bytes(),
        headers={"Content-Encoding": "gzip"},
    )
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "hex", "upper "])
def test_an_id_has_one_form(cases: Service, form: str) -> None:
    activity_id = uuid4()
    spelled = {"hex": activity_id.hex, "upper ": f"{activity_id}%20"}.get(form) or form.format(activity_id)
    body = read("C07")["body"]
    assert cases.api.put(f"/activities/{spelled}", json=body).status_code == 404
    if form != "upper ":
        body["roster"]["persons"][0]["id"] = spelled
        answer = cases.api.put(f"/activities/{activity_id}", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "not_a_uuid")


def test_an_attribute_is_a_pointer_into_the_object_whoever_gave_it(cases: Service) -> None:
    activity = put(cases, read("C08")["body"])
    given = {
        message["attribute"]
        for each in records(cases, activity).values()
        for message in each["messages"]
        if message["attribute"] is not None
    }
    assert given
    assert all(each == "" or each.startswith("/") for each in given), given
