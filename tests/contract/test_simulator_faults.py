"""Faults by order: what each action does to a call on a socket, and which calls a rule strikes."""

import json
from typing import Any

import httpx
import pytest

from app.simulator.faults import Faults
from tests.contract.simulator_at_work import Caller
from tests.unit.simulator.simulator_parts import ORGANISATION, OTHER_ORGANISATION, numbered, pupil

UPSERT = "/persons/bulk?updateIfExists=true"
NOTHING: dict[str, Any] = {"data": []}


@pytest.mark.parametrize(
    ("status", "options", "entry", "headers"),
    [
        (500, {}, "5004", {"x-ratelimit-limit": "1000"}),
        (413, {}, "5020", {"x-ratelimit-limit": "1000"}),
        (403, {}, "5002", {"x-ratelimit-limit": "1000"}),
        (503, {}, "5022", {"x-ratelimit-limit": None}),
        (503, {"entry": "6001"}, "6001", {"x-ratelimit-limit": "1000"}),
        (400, {"entry": "7777"}, "7777", {"x-ratelimit-limit": "1000"}),
        (429, {}, "5021", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1", "retry-after": None}),
        (429, {"reset": 0.5, "retry_after": 3}, "5021", {"x-ratelimit-reset": "0.5", "retry-after": "3"}),
        (502, {"headers": {"Via": "a gateway"}}, "5004", {"via": "a gateway"}),
    ],
)
def test_a_status_stands_in_for_the_service(
    caller: Caller, status: int, options: dict[str, Any], entry: str, headers: dict[str, str | None]
) -> None:
    caller.order({"action": "status", "status": status, **options})
    answer = caller.call("POST", UPSERT, NOTHING)
    (told,) = answer.json()
    assert (answer.status_code, told["statusCode"], told["id"]) == (status, status, entry)
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert caller.ledger()[-1]["job_id"] is None


@pytest.mark.parametrize(("action", "is_taken"), [("cut_before", False), ("cut_after", True)])
def test_a_cut_leaves_no_answer(caller: Caller, action: str, is_taken: bool) -> None:
    caller.order({"action": action})
    with pytest.raises(httpx.TransportError):
        caller.call("POST", UPSERT, NOTHING)
    call = caller.ledger()[-1]
    assert (call["status"], call["job_id"] is not None, call["planted"]) == (None, is_taken, action)


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_hanging_call_is_never_answered(caller: Caller, is_taken: bool) -> None:
    caller.order({"action": "hang", "taken": is_taken})
    with pytest.raises(httpx.ReadTimeout):
        caller.call("POST", UPSERT, NOTHING, timeout=0.1)
    call = caller.ledger()[-1]
    assert (call["status"], call["answered_at"], call["job_id"] is not None) == (None, None, is_taken)


@pytest.mark.parametrize("before", [False, True])
def test_a_delay_holds_back_the_answer_or_the_call(caller: Caller, before: bool) -> None:
    """A client that does not wait: the call has been taken already, or is taken behind its back."""
    caller.order({"action": "delay", "seconds": 0.3, "before": before})
    with pytest.raises(httpx.ReadTimeout):
        caller.call("POST", UPSERT, NOTHING, timeout=0.1)
    assert (caller.ledger()[-1]["job_id"] is None) is before
    caller.until(lambda: caller.ledger()[-1]["status"] == 202)
    assert caller.ledger()[-1]["job_id"] is not None


def test_wrong_json_breaks_off_and_its_length_is_right(caller: Caller) -> None:
    caller.order({"action": "wrong_json"})
    answer = caller.call("POST", UPSERT, NOTHING)
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_not_json_is_a_page_with_the_services_status(caller: Caller) -> None:
    caller.order({"action": "not_json"})
    answer = caller.call("POST", UPSERT, NOTHING)
    assert (answer.status_code, answer.headers["content-type"], answer.text[:9]) == (202, "text/html", "<!DOCTYPE")
    assert caller.ledger()[-1]["job_id"] is not None


def test_a_truncated_answer_ends_before_its_length(caller: Caller) -> None:
    caller.order({"action": "truncate"})
    with pytest.raises(httpx.RemoteProtocolError, match="body"):
        caller.call("POST", UPSERT, NOTHING)
    assert (caller.ledger()[-1]["status"], caller.ledger()[-1]["job_id"] is not None) == (202, True)


def test_extra_fields_are_in_every_object(caller: Caller) -> None:
    caller.carry_out("persons", pupil())
    caller.order({"action": "extra_fields"})
    page = caller.call("GET", "/persons").json()
    assert all("unheardOf" in place for place in (page, page["data"][0], page["data"][0]["civicNo"]))


def test_a_low_limit_is_told_in_the_headers_of_a_call_that_is_taken(caller: Caller) -> None:
    caller.order({"action": "low_limit", "reset": 0.75})
    answer = caller.call("POST", UPSERT, NOTHING)
    told = answer.headers["x-ratelimit-remaining"], answer.headers["x-ratelimit-reset"]
    assert (answer.status_code, told) == (202, ("0", "0.75"))


def test_revoked_tokens_are_void_and_later_ones_are_not(caller: Caller) -> None:
    other = caller.log_in(OTHER_ORGANISATION)
    mine = caller.log_in()
    caller.order({"action": "revoke_tokens", "times": 1})
    answers = [caller.call("GET", "/persons", token=token) for token in (mine, other, caller.log_in())]
    assert [answer.status_code for answer in answers] == [403, 403, 200]
    assert answers[0].json()[0]["id"] == "5002"


def test_forgotten_jobs_are_unknown_but_carried_out(caller: Caller) -> None:
    job_id = caller.send("persons", pupil())
    caller.order({"action": "forget_jobs", "times": 1})
    answers = [caller.call("GET", f"/persons/bulk/jobs/{job_id}{part}") for part in ("", "/isCompleted")]
    assert [(answer.status_code, answer.json()[0]["id"]) for answer in answers] == [(404, "4001")] * 2
    caller.until(lambda: caller.call("GET", f"/persons/{numbered(1)}").status_code == 200)


@pytest.mark.parametrize(
    ("action", "status", "entries"),
    [
        ("temporary_error", "TemporaryError", ["8102"]),
        ("unlisted_error", "Error", ["9999"]),
        ("unlisted_status", "Deferred", []),
    ],
)
def test_a_struck_job_ends_so_for_all_its_items(caller: Caller, action: str, status: str, entries: list[str]) -> None:
    caller.order({"action": action, "times": 1})
    responses = caller.carry_out("persons", pupil(1), pupil(3))
    told = [(one["status"], [entry["id"] for entry in one.get("errors", [])]) for one in responses]
    assert told == [(status, entries)] * 2
    assert caller.ledger()[-1]["planted"] == "mark"
    assert caller.carry_out("persons", pupil())[0]["status"] == "Success"


def test_a_stuck_job_stays_pending_and_one_with_seconds_is_late(caller: Caller) -> None:
    caller.order({"action": "stay_pending", "times": 1}, {"action": "stay_pending", "seconds": 0.2, "times": 1})
    stuck, late = (caller.send("persons", pupil(number)) for number in (1, 3))
    assert caller.until_completed("persons", late)[0]["response"]["status"] == "Success"
    calls = caller.ledger()
    sent = next(call for call in calls if call["job_id"] == late)
    assert calls[-1]["time"] - sent["time"] >= 0.2
    job = caller.call("GET", f"/persons/bulk/jobs/{stuck}").json()["responses"][0]
    assert job["response"] == {"status": "Pending"}


@pytest.mark.parametrize(("keep", "left"), [(None, [2, 3]), (0, []), (1, [1])])
def test_an_answer_lacks_items(caller: Caller, keep: int | None, left: list[int]) -> None:
    job_id = caller.send("persons", *(pupil(number) for number in (1, 2, 3)))
    caller.until_completed("persons", job_id)
    caller.order({"action": "answer_lacks", "keep": keep})
    shown = caller.call("GET", f"/persons/bulk/jobs/{job_id}").json()["responses"]
    assert [item["id"] for item in shown] == [numbered(number) for number in left]
    caller.order()
    assert len(caller.call("GET", f"/persons/bulk/jobs/{job_id}").json()["responses"]) == 3


def test_an_answer_has_a_foreign_item(caller: Caller) -> None:
    job_id = caller.send("persons", pupil())
    caller.until_completed("persons", job_id)
    caller.order({"action": "answer_foreign"})
    own, foreign = caller.call("GET", f"/persons/bulk/jobs/{job_id}").json()["responses"]
    assert own["id"] == numbered(1) != foreign["id"]


def test_an_answer_contradicts_itself(caller: Caller) -> None:
    job_id = caller.send("persons", pupil(1), pupil(2))
    caller.until_completed("persons", job_id)
    caller.order({"action": "answer_contradicts"})
    items = caller.call("GET", f"/persons/bulk/jobs/{job_id}").json()["responses"]
    assert [item["id"] for item in items] == [numbered(1), numbered(2), numbered(1)]
    assert items[0]["response"]["status"] != items[2]["response"]["status"]


def test_what_strikes_results_lets_a_pending_job_pass(caller: Caller) -> None:
    caller.order({"action": "stay_pending"})
    job_id = caller.send("persons", pupil())
    caller.order({"action": "answer_lacks", "times": 1})
    assert len(caller.call("GET", f"/persons/bulk/jobs/{job_id}").json()["responses"]) == 1


def test_a_rule_may_be_for_one_organisation(caller: Caller) -> None:
    other = caller.log_in(OTHER_ORGANISATION)
    mine = caller.log_in()
    caller.order({"match": {"organisation": ORGANISATION}, "action": "status"})
    assert [caller.call("GET", "/persons", token=token).status_code for token in (other, mine)] == [200, 503]


def test_a_malformed_rule_is_refused_and_the_old_ones_kept(caller: Caller) -> None:
    caller.order({"action": "status"})
    assert caller.http.put("/_simulator/faults", json=[{"action": "status", "every": 0}]).status_code == 400
    assert caller.call("GET", "/persons").status_code == 503


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "xxxxxxxx"),
        ({"times": 2}, "xx------"),
        ({"after": 3}, "---xxxxx"),
        ({"for": 3}, "xxx-----"),
        ({"after": 2, "for": 3}, "--xxx---"),
        ({"after": 2, "for": 3, "times": 1}, "--x-----"),
        ({"every": 3}, "--x--x--"),
        ({"every": 2, "after": 2, "for": 4}, "---x-x--"),
        ({"every": 2, "times": 2}, "-x-x----"),
        ({"times": 0}, "--------"),
    ],
)
def test_a_rule_strikes_within_its_window(rule: dict[str, Any], expected: str) -> None:
    """One call a second, from the second in which the rule is ordered."""
    faults = Faults()
    faults.replace([{"action": "status", **rule}], now=100.0)
    struck = [faults.take("GET", "/", 100.0 + second, is_bulk=False) is not None for second in range(8)]
    assert "".join("x" if one else "-" for one in struck) == expected


@pytest.mark.parametrize(
    "wrong",
    [{"after": -1}, {"for": -1}, {"every": 0}, {"every": "x"}, {"keep": -1}, {"times": -1}, {"match": {"path": "("}}],
)
def test_a_rule_out_of_bounds_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fault"):
        Faults().replace([{"action": "status", **wrong}])
