"""The Provisioning API without a socket, on a clock that the test moves."""

from typing import Any

import pytest

from app.simulator import messages
from app.simulator.answers import Answer
from app.simulator.config import SimulatorConfig
from tests.unit.simulator.simulator_parts import (
    ORGANISATION,
    UNKNOWN,
    Desk,
    activity,
    duty,
    group,
    numbered,
    pupil,
    staff,
)


def _ids(answer: Answer) -> list[str]:
    return [entry["id"] for entry in answer.payload]


def test_a_job_is_pending_until_its_delay_has_passed() -> None:
    desk = Desk()
    job_id = desk.send("persons", pupil())
    desk.clock.now += 0.99
    assert desk.responses("persons", job_id)[0] == {"status": "Pending"}
    assert desk.call("GET", f"/persons/bulk/jobs/{job_id}/isCompleted").payload is False
    desk.clock.now += 0.01
    assert desk.responses("persons", job_id)[0]["status"] == "Success"
    assert desk.call("GET", f"/persons/bulk/jobs/{job_id}/isCompleted").payload is True


def test_the_jitter_comes_from_the_seed() -> None:
    def dues(seed: int) -> list[float | None]:
        desk = Desk(SimulatorConfig(seed=seed, calls_per_second=100))
        for _ in range(3):
            desk.send("persons", pupil())
        return [job.due for job in desk.world.jobs._waiting[ORGANISATION]]

    assert dues(1) == dues(1)
    assert dues(1) != dues(2)


def test_a_new_object_gets_201_and_a_location_and_a_known_one_200() -> None:
    desk = Desk()
    job_id = desk.send("persons", pupil())
    again = desk.send("persons", pupil())
    desk.clock.now += 60
    first, second = desk.responses("persons", job_id)[0], desk.responses("persons", again)[0]
    location = f"http://simulator/provisioning/v1/persons/{numbered(1)}"
    assert first == {"status": "Success", "statusCode": 201, "location": location, "errors": [], "warnings": []}
    assert second == {"status": "Success", "statusCode": 200, "errors": [], "warnings": []}


def test_a_warning_is_stored_and_its_log_entry_has_a_status_code_of_its_own() -> None:
    desk = Desk()
    job_id = desk.send("persons", pupil(eduPersonPrincipalNames=["lundqvist@b.se"]))
    desk.clock.now += 60
    (response,) = desk.responses("persons", job_id)
    assert (response["status"], response["statusCode"], response["errors"]) == ("Warning", 201, [])
    (entry,) = response["warnings"]
    assert (entry["id"], entry["statusCode"], entry["severityLevel"]) == ("3047", 400, "Warning")
    assert (entry["resourceType"], entry["resourceId"]) == ("Person", numbered(1))
    assert (entry["attributeName"], entry["attributeValue"]) == ("eppn", "lundqvist@b.se")
    assert desk.call("GET", f"/persons/{numbered(1)}").status == 200


def test_an_error_is_not_stored_and_what_was_there_before_stays() -> None:
    desk = Desk()
    assert desk.carry_out("persons", pupil()) == ["Success"]
    assert desk.carry_out("persons", pupil(givenName="Nova", civicNo={"value": "1"}), staff(emails=[])) == ["Error"] * 2
    assert desk.call("GET", f"/persons/{numbered(1)}").payload["givenName"] == "Vira"
    assert desk.call("GET", f"/persons/{numbered(2)}").status == 404


def test_of_two_persons_with_one_eppn_the_second_is_refused() -> None:
    desk = Desk()
    twice = [pupil(1, eduPersonPrincipalNames=["x1@b.se"]), pupil(3, eduPersonPrincipalNames=["X1@B.SE"])]
    assert desk.carry_out("persons", *twice) == ["Success", "Error"]
    assert desk.carry_out("persons", *twice) == ["Success", "Error"]


def test_jobs_of_an_organisation_complete_in_the_order_in_which_they_came() -> None:
    desk = Desk(SimulatorConfig(job_jitter=50, seed=3, calls_per_second=1000))
    jobs = [desk.send("persons", pupil(n, eduPersonPrincipalNames=["x1@b.se"])) for n in range(1, 9)]
    desk.clock.now += 100
    statuses = [desk.responses("persons", job_id)[0]["status"] for job_id in jobs]
    assert statuses == ["Success"] + ["Error"] * 7


def test_without_update_if_exists_a_known_id_is_an_error() -> None:
    desk = Desk()
    assert desk.carry_out("persons", pupil(), upsert=False) == ["Success"]
    assert desk.carry_out("persons", pupil(), upsert=False) == ["Error"]
    assert desk.carry_out("persons", pupil(), upsert=True) == ["Success"]


def test_put_updates_and_never_creates() -> None:
    desk = Desk()
    desk.carry_out("persons", pupil())
    answer = desk.call("PUT", "/persons/bulk", {"data": [pupil(givenName="Nova"), pupil(3)]})
    desk.clock.now += 60
    known, unknown = desk.responses("persons", answer.payload["jobId"])
    assert known["status"] == "Success"
    assert (unknown["status"], unknown["statusCode"], unknown["errors"][0]["id"]) == ("Error", 404, "4001")


def test_delete_removes_and_says_what_was_not_there() -> None:
    desk = Desk()
    desk.carry_out("persons", pupil())
    answer = desk.call("POST", "/persons/bulk/delete", {"data": [numbered(1), numbered(3)]})
    desk.clock.now += 60
    assert [one["status"] for one in desk.responses("persons", answer.payload["jobId"])] == ["Success", "Error"]
    assert desk.call("GET", f"/persons/{numbered(1)}").status == 404


def test_the_four_stages_in_their_order_are_accepted() -> None:
    desk = Desk()
    stages = {"persons": [pupil(), staff()], "duties": [duty()], "groups": [group()], "activities": [activity()]}
    statuses = [status for kind, items in stages.items() for status in desk.carry_out(kind, *items)]
    assert statuses == ["Success"] * 5


def test_a_group_gets_its_late_member_when_it_is_sent_again() -> None:
    desk = Desk()
    assert desk.carry_out("groups", group()) == ["Warning"]
    assert desk.call("GET", f"/groups/{numbered(40)}").payload["groupMemberships"] == []
    desk.carry_out("persons", pupil())
    assert desk.carry_out("groups", group()) == ["Success"]
    assert len(desk.call("GET", f"/groups/{numbered(40)}").payload["groupMemberships"]) == 1


def test_one_malformed_item_sinks_the_batch_and_is_named() -> None:
    desk = Desk()
    answer = desk.call("POST", "/persons/bulk", {"data": [pupil(), pupil(3, middleName=None)]}, updateIfExists="true")
    assert answer.status == 400
    (entry,) = answer.payload
    assert (entry["resourceType"], entry["resourceId"]) == ("Person", numbered(3))
    assert (entry["attributeName"], entry["severityLevel"]) == ("middleName", "Error")
    desk.clock.now += 60
    assert desk.call("GET", "/persons").payload["data"] == []


def test_what_is_not_published_is_noted_in_the_ledger_and_not_stored() -> None:
    desk = Desk()
    surplus = pupil(addresses=[{"locality": "Exempelby"}], meta={"created": "2026-05-12T10:30:00Z"})
    assert desk.carry_out("persons", staff(), surplus) == ["Success"] * 2
    assert desk.world.objects.get(ORGANISATION, "persons", numbered(1)).body == pupil()  # type: ignore[union-attr]
    assert [call["not_kept"] for call in desk.world.ledger.since(0) if call["path"].endswith("/bulk")] == [
        ["addresses", "meta"]
    ]


def test_messages_have_ids_of_their_own_and_categories_that_skolverket_has_or_would_have() -> None:
    """Three of them are in none of the published examples."""
    every = [each for each in vars(messages).values() if isinstance(each, messages.Message)]
    assert len({each.id for each in every}) == len(every)
    assert {each.type for each in every} == {
        *("Ogiltigt format", "Ogiltigt värde", "Bristfälligt värde", "Teknisk begränsning", "Behörighet saknas"),
        *("Okänt fel", "Overload", "Uppgift saknas", "Ogiltig referens", "Nytt slags fel"),
    }
    assert {each.id for each in every if each.severity == "Warning"} == {"3047", "8171", messages.NOT_KEPT.id}


def test_a_chain_of_eppns_goes_giver_before_taker() -> None:
    desk = Desk()
    desk.carry_out("persons", pupil(1), pupil(3))
    given = pupil(1)["eduPersonPrincipalNames"]
    giver, taker = pupil(1, eduPersonPrincipalNames=["x9@b.se"]), pupil(3, eduPersonPrincipalNames=given)
    assert desk.carry_out("persons", taker, giver) == ["Error", "Success"]
    assert desk.carry_out("persons", taker) == ["Success"]
    assert desk.carry_out("persons", pupil(1)) == ["Error"]


@pytest.mark.parametrize(
    ("item", "text", "value"),
    [
        (pupil(middleName=None), "Ogiltigt format på <middleName>.", None),
        (pupil(enrolments=[{}]), "Uppgift saknas för <enrolments[0].enroledAt>.", None),
        (pupil(provisioningStatus=0), "Ogiltigt format på <provisioningStatus>.", "0"),
        (pupil(emails=True), "Ogiltigt format på <emails>.", "true"),
    ],
)
def test_a_log_entry_says_its_category_and_attribute_and_its_value_as_text(
    item: dict[str, Any], text: str, value: str | None
) -> None:
    entry = Desk().call("POST", "/persons/bulk", {"data": [item]}).payload[0]
    assert (entry["message"], entry.get("attributeValue")) == (text, value)
    assert entry["message"].startswith(entry["messageType"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"data": {}}', b'{"data": [NaN]}', b'{"data": ["\xff"]}', b"[" * 100_000, b'{"items": []}'],
)
def test_a_body_that_is_no_json_with_data_is_refused(body: bytes) -> None:
    assert _ids(Desk().call("POST", "/persons/bulk", body)) == ["8001"]


@pytest.mark.parametrize(
    ("method", "path", "query", "document", "status", "id_"),
    [
        ("POST", "/persons/bulk", {"updateIfExists": "yes"}, {"data": []}, 400, "2025"),
        ("POST", "/persons/bulk/delete", {}, {"data": ["x"]}, 400, "2010"),
        ("GET", "/persons/bulk/jobs/x", {}, None, 400, "2011"),
        ("GET", f"/persons/bulk/jobs/{UNKNOWN}", {}, None, 404, "4001"),
        ("GET", f"/persons/bulk/jobs/{UNKNOWN}/isCompleted", {}, None, 404, "4001"),
        ("GET", "/persons/x", {}, None, 400, "2011"),
        ("GET", f"/persons/{UNKNOWN}", {}, None, 404, "4001"),
        ("GET", "/persons", {"limit": "0"}, None, 400, "3085"),
        ("GET", "/persons", {"limit": "101"}, None, 400, "3085"),
        ("GET", "/persons", {"limit": "ten"}, None, 400, "3085"),
        ("GET", "/persons", {"pageToken": "x"}, None, 400, "8006"),
        ("POST", "/persons/lookup", {}, {"ids": ["x"]}, 400, "2010"),
        ("POST", "/persons/lookup", {}, [], 400, "8001"),
        ("GET", "/nothing", {}, None, 404, "8007"),
    ],
)
def test_a_bad_call_is_told_by_an_array_of_one_log_entry(
    method: str, path: str, query: dict[str, str], document: Any, status: int, id_: str
) -> None:
    answer = Desk().call(method, path, document, **query)
    assert (answer.status, _ids(answer)) == (status, [id_])
    assert {"id", "statusCode", "message", "severityLevel", "timeOfOccurance"} <= set(answer.payload[0])


def test_show_only_error_hides_everything_else() -> None:
    desk = Desk()
    weak = pupil(3, eduPersonPrincipalNames=["lundqvist@b.se"])
    job_id = desk.send("persons", pupil(), weak, pupil(4, civicNo={"value": "1"}))
    desk.clock.now += 60
    shown = desk.call("GET", f"/persons/bulk/jobs/{job_id}", showOnlyError="true").payload["responses"]
    assert [entry["id"] for entry in shown] == [numbered(4)]
    assert _ids(desk.call("GET", f"/persons/bulk/jobs/{job_id}", showOnlyError="1")) == ["2025"]


@pytest.mark.parametrize(
    ("mark", "first", "second"),
    [
        ("5e000001", "TemporaryError", "Success"),
        ("5e000002", "TemporaryError", "TemporaryError"),
        ("5e000003", "Error", "Error"),
        ("5e000004", "Deferred", "Deferred"),
        ("5e000005", "Success", "Success"),
    ],
)
def test_a_marked_id_makes_its_own_fault(mark: str, first: str, second: str) -> None:
    desk = Desk()
    marked = pupil(id=mark + numbered(1)[8:])
    assert [desk.carry_out("persons", marked), desk.carry_out("persons", marked)] == [[first], [second]]


def test_a_slow_mark_holds_its_job() -> None:
    desk = Desk()
    job_id = desk.send("persons", pupil(id="5e000005" + numbered(1)[8:]))
    desk.clock.now += 10.9
    assert desk.responses("persons", job_id)[0]["status"] == "Pending"


def test_the_location_can_carry_another_host() -> None:
    desk = Desk(SimulatorConfig(location_base="https://old.example.invalid"))
    answer = desk.call("POST", "/persons/bulk", {"data": []})
    job_id = answer.payload["jobId"]
    assert answer.headers["Location"] == f"https://old.example.invalid/provisioning/v1/persons/bulk/jobs/{job_id}"
