"""Reading back, whose objects are whose, the limits over calls and the ledger, on a clock that the test moves."""

import json
from typing import Any

import pytest

from app.simulator.answers import Answer
from app.simulator.config import SimulatorConfig
from tests.unit.simulator.simulator_parts import (
    ORGANISATION,
    OTHER_ORGANISATION,
    UNKNOWN,
    Desk,
    numbered,
    pupil,
    staff,
)


def _ids(answer: Answer) -> list[str]:
    return [entry["id"] for entry in answer.payload]


def test_another_organisation_sees_neither_job_nor_object() -> None:
    desk = Desk()
    job_id = desk.send("persons", pupil())
    desk.clock.now += 60
    for path in (f"/persons/bulk/jobs/{job_id}", f"/persons/{numbered(1)}"):
        assert desk.call("GET", path, organisation=OTHER_ORGANISATION).status == 404
        assert desk.call("GET", path).status == 200
    assert desk.call("GET", f"/duties/bulk/jobs/{job_id}").status == 404


def test_lists_come_in_pages_and_show_a_part_of_each_person() -> None:
    desk = Desk()
    desk.carry_out("persons", *(pupil(n) for n in range(1, 6)))
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        answer = desk.call("GET", "/persons", limit="2", **token)
        pages.append([person["id"] for person in answer.payload["data"]])
        assert "enrolments" not in answer.payload["data"][0]
        if answer.payload["pageToken"] is None:
            break
        token = {"pageToken": answer.payload["pageToken"]}
    assert pages == [[numbered(1), numbered(2)], [numbered(3), numbered(4)], [numbered(5)]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"ids": [numbered(2).upper(), UNKNOWN, numbered(2)]}, [2]),
        ({"civicNos": ["201203049810"]}, [1]),
        ({"eduPersonPrincipalNames": ["Y00002@edu.example.se"], "ids": [numbered(1)]}, [1, 2]),
        ({}, []),
    ],
)
def test_lookup_finds_by_id_civic_number_or_eppn(wanted: dict[str, Any], expected: list[int]) -> None:
    desk = Desk()
    desk.carry_out("persons", pupil(), staff())
    found = desk.call("POST", "/persons/lookup", wanted).payload
    assert [person["id"] for person in found] == [numbered(number) for number in expected]


def test_the_provisioning_status_turns_true_when_the_hand_over_is_through() -> None:
    desk = Desk()
    desk.send("persons", pupil(provisioningStatus=True, meta={}))
    desk.clock.now += 1
    landed = []
    for seconds in (0, 1.9, 0.1):
        desk.clock.now += seconds
        landed.append(desk.call("GET", f"/persons/{numbered(1)}").payload["provisioningStatus"])
    assert landed == [False, False, True]


def test_the_sixth_call_in_a_second_is_refused_whoever_makes_it() -> None:
    desk = Desk(SimulatorConfig())
    organisations = [ORGANISATION, OTHER_ORGANISATION] * 3
    calls = [desk.call("POST", "/persons/bulk", {"data": []}, organisation=one) for one in organisations]
    assert [answer.status for answer in calls] == [202] * 5 + [429]
    assert _ids(calls[5]) == ["5021"]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in calls] == ["4", "3", "2", "1", "0", "0"]
    desk.clock.now += 1
    assert desk.call("POST", "/persons/bulk", {"data": []}).status == 202


def test_reads_have_a_limit_of_their_own() -> None:
    desk = Desk(SimulatorConfig())
    assert [desk.call("GET", "/persons").status for _ in range(11)] == [200] * 10 + [429]
    assert desk.call("POST", "/persons/bulk", {"data": []}).status == 202
    assert {desk.call("GET", "/alive").status for _ in range(20)} == {200}


def test_the_ledger_tells_whose_call_it_was_and_about_what() -> None:
    desk = Desk()
    job_id = desk.send("persons", pupil(), staff())
    (call,) = desk.world.ledger.since(0)
    assert (call["number"], call["organisation"], call["resource"]) == (1, ORGANISATION, "persons")
    assert (call["object_ids"], call["job_id"]) == ([numbered(1), numbered(2)], job_id)
    assert desk.world.ledger.since(1) == []


def test_an_answer_with_a_lone_surrogate_is_still_utf_8() -> None:
    desk = Desk()
    answer = desk.call("POST", "/persons/bulk", {"data": [pupil(middleName="\ud800", unheardOf="\ud800")]})
    assert answer.status == 400
    assert json.loads(answer.body().decode())
