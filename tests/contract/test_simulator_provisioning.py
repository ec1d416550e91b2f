"""The simulator's Provisioning API on a socket: every endpoint, every error with its id, bodies and headers."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.simulator_at_work import Caller
from tests.unit.simulator.simulator_parts import UNKNOWN, activity, duty, group, numbered, pupil, staff

KINDS = ("persons", "duties", "groups", "activities")
OBJECTS: dict[str, Callable[..., dict[str, Any]]] = {
    "persons": staff,
    "duties": duty,
    "groups": group,
    "activities": activity,
}
LIMITS = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
TOO_LARGE = b" " * 200_001


@pytest.fixture
def stored(caller: Caller) -> Caller:
    """One pupil, one teacher, one of each other kind."""
    jobs = [caller.send(kind, *items) for kind, items in _all().items()]
    assert {item["response"]["status"] for item in caller.until_completed("activities", jobs[-1])} == {"Success"}
    return caller


def _all() -> dict[str, list[dict[str, Any]]]:
    return {"persons": [pupil(), staff()], "duties": [duty()], "groups": [group()], "activities": [activity()]}


def _limits(headers: Any) -> set[str]:
    return {name for name in headers if name in LIMITS}


def test_a_bulk_call_is_accepted_with_the_address_of_its_job(caller: Caller) -> None:
    answer = caller.call("POST", "/persons/bulk?updateIfExists=true", {"data": [pupil()]})
    job_id = answer.json()["jobId"]
    assert (answer.status_code, set(answer.json())) == (202, {"jobId", "message"})
    assert answer.headers["location"] == f"{caller.http.base_url}/provisioning/v1/persons/bulk/jobs/{job_id}"
    assert _limits(answer.headers) == LIMITS


def test_a_created_object_has_a_location_and_one_that_is_sent_again_none(caller: Caller) -> None:
    first, second = (caller.until_completed("persons", caller.send("persons", pupil()))[0] for _ in range(2))
    assert (first["response"]["statusCode"], second["response"]["statusCode"]) == (201, 200)
    assert first["response"]["location"] == f"{caller.http.base_url}/provisioning/v1/persons/{numbered(1)}"
    assert "location" not in second["response"]
    for item in (first, second):
        assert all(MOMENT.fullmatch(item["meta"][name]) for name in ("created", "modified"))
    assert second["meta"]["created"] == first["meta"]["created"] < second["meta"]["modified"]


def test_without_update_if_exists_a_known_object_is_refused(stored: Caller) -> None:
    job_id = stored.call("POST", "/persons/bulk", {"data": [pupil()]}).json()["jobId"]
    assert stored.until_completed("persons", job_id)[0]["response"]["status"] == "Error"


@pytest.mark.parametrize("kind", KINDS)
def test_put_updates_what_is_known(stored: Caller, kind: str) -> None:
    item = OBJECTS[kind]()
    job_id = stored.call("PUT", f"/{kind}/bulk", {"data": [item, {**item, "id": UNKNOWN}]}).json()["jobId"]
    known, unknown = (one["response"] for one in stored.until_completed(kind, job_id))
    assert (known["status"], known["statusCode"]) == ("Success", 200)
    assert (unknown["status"], unknown["errors"][0]["id"]) == ("Error", "4001")


@pytest.mark.parametrize("kind", KINDS)
def test_delete_removes_once(stored: Caller, kind: str) -> None:
    ids = {"data": [OBJECTS[kind]()["id"]]}
    jobs = [stored.call("POST", f"/{kind}/bulk/delete", ids).json()["jobId"] for _ in range(2)]
    second = stored.until_completed(kind, jobs[1])[0]["response"]
    first = stored.call("GET", f"/{kind}/bulk/jobs/{jobs[0]}").json()["responses"][0]["response"]
    assert (first["status"], second["status"], second["errors"][0]["id"]) == ("Success", "Error", "4001")
    assert stored.call("GET", f"/{kind}/{ids['data'][0]}").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_is_read_back_by_id_by_lookup_and_in_lists(stored: Caller, kind: str) -> None:
    item = OBJECTS[kind]()
    by_id = stored.call("GET", f"/{kind}/{item['id']}")
    found = stored.call("POST", f"/{kind}/lookup", {"ids": [item["id"], UNKNOWN]})
    listed = stored.call("GET", f"/{kind}")
    assert {name: by_id.json()[name] for name in item} == item
    assert found.json()[0] | {"provisioningStatus": True} == by_id.json() | {"provisioningStatus": True}
    assert item["id"] in [one["id"] for one in listed.json()["data"]]
    assert listed.json()["pageToken"] is None
    assert [_limits(answer.headers) for answer in (by_id, found, listed)] == [LIMITS] * 3


def test_the_list_of_persons_is_a_subset(stored: Caller) -> None:
    shown = stored.call("GET", "/persons").json()["data"][1]
    ours = {"id", "civicNo", "eduPersonPrincipalNames", "givenName", "familyName"}
    assert set(shown) == ours | {"provisioningStatus", "meta"}


def test_a_list_goes_on_where_its_page_ended(stored: Caller) -> None:
    first = stored.call("GET", "/persons?limit=1").json()
    second = stored.call("GET", f"/persons?limit=1&pageToken={first['pageToken']}").json()
    assert [page["data"][0]["id"] for page in (first, second)] == [numbered(1), numbered(2)]
    assert second["pageToken"] is None


def test_the_hand_over_is_told_some_time_after_success(stored: Caller) -> None:
    paths = [f"/{kind}/{make()['id']}" for kind, make in OBJECTS.items()]
    stored.until(lambda: all(stored.call("GET", path).json()["provisioningStatus"] is True for path in paths))


def test_a_group_loses_unknown_pupils_until_it_is_sent_again_after_them(caller: Caller) -> None:
    caller.carry_out("persons", pupil())
    members = [{"person": {"id": numbered(number)}} for number in (1, 3)]
    (first,) = caller.carry_out("groups", group(groupMemberships=members))
    kept = caller.call("GET", f"/groups/{numbered(40)}").json()["groupMemberships"]
    assert (first["status"], len(first["warnings"]), first["errors"], kept) == ("Warning", 1, [], members[:1])
    caller.carry_out("persons", pupil(3))
    (second,) = caller.carry_out("groups", group(groupMemberships=members))
    kept = caller.call("GET", f"/groups/{numbered(40)}").json()["groupMemberships"]
    assert (second["status"], kept) == ("Success", members)


def test_show_only_error_hides_all_else(caller: Caller) -> None:
    job_id = caller.send("persons", pupil(), staff(emails=[]))
    caller.until_completed("persons", job_id)
    shown = caller.call("GET", f"/persons/bulk/jobs/{job_id}?showOnlyError=true").json()["responses"]
    assert [item["id"] for item in shown] == [numbered(2)]


def test_a_log_entry_has_what_the_document_requires(caller: Caller) -> None:
    (response,) = caller.carry_out("persons", staff(emails=[]))
    (entry,) = response["errors"]
    assert {"id", "statusCode", "message", "severityLevel", "timeOfOccurance"} <= set(entry)
    assert MOMENT.fullmatch(entry["timeOfOccurance"])
    assert (entry["severityLevel"], entry["resourceType"]) == ("Error", "Person")


def test_alive_needs_no_token_and_has_neither_body_nor_limit(caller: Caller) -> None:
    answer = caller.call("GET", "/alive", token="")
    assert (answer.status_code, answer.content, _limits(answer.headers)) == (200, b"", set())


@pytest.mark.parametrize("path", ["/alive", "/persons", f"/persons/bulk/jobs/{UNKNOWN}"])
def test_head_is_get_without_its_body(caller: Caller, path: str) -> None:
    head, get = caller.call("HEAD", path), caller.call("GET", path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "document", "expected"),
    [
        *[("GET", f"/{kind}/x", None, (400, "2011")) for kind in KINDS],
        *[("GET", f"/{kind}/{UNKNOWN}", None, (404, "4001")) for kind in KINDS],
        *[("GET", f"/{kind}/bulk/jobs/x", None, (400, "2011")) for kind in KINDS],
        *[("GET", f"/{kind}/bulk/jobs/{UNKNOWN}", None, (404, "4001")) for kind in KINDS],
        *[("GET", f"/{kind}/bulk/jobs/x/isCompleted", None, (400, "2011")) for kind in KINDS],
        *[("GET", f"/{kind}/bulk/jobs/{UNKNOWN}/isCompleted", None, (404, "4001")) for kind in KINDS],
        *[("POST", f"/{kind}/lookup", {"ids": ["x"]}, (400, "2010")) for kind in KINDS],
        *[("POST", f"/{kind}/lookup", TOO_LARGE, (413, "5020")) for kind in KINDS],
        *[("POST", f"/{kind}/bulk", TOO_LARGE, (413, "5020")) for kind in KINDS],
        *[("PUT", f"/{kind}/bulk", TOO_LARGE, (413, "5020")) for kind in KINDS],
        *[("POST", f"/{kind}/bulk/delete", TOO_LARGE, (413, "5020")) for kind in KINDS],
        *[("POST", f"/{kind}/bulk/delete", {"data": ["x"]}, (400, "2010")) for kind in KINDS],
        *[("POST", f"/{kind}/bulk?updateIfExists=yes", {"data": []}, (400, "2025")) for kind in KINDS],
        *[("GET", f"/{kind}?limit={limit}", None, (400, "3085")) for kind in KINDS for limit in ("0", "101", "x", "")],
        ("GET", "/persons?pageToken=x", None, (400, "8006")),
        ("POST", "/persons/bulk", b"{", (400, "8001")),
        ("POST", "/persons/bulk", {"data": {}}, (400, "8001")),
        ("PUT", "/persons/bulk", b"\xff", (400, "8001")),
        ("POST", "/persons/lookup", [], (400, "8001")),
        ("POST", "/persons/lookup", {"civicNos": "1"}, (400, "8003")),
        ("POST", "/persons/bulk", {"data": [{}]}, (400, "8002")),
        ("GET", "/pupils", None, (404, "8007")),
        ("GET", "/persons/bulk", None, (405, "8008")),
        ("DELETE", "/persons", None, (405, "8008")),
        ("POST", "/alive", None, (405, "8008")),
    ],
)
def test_a_wrong_call_is_refused_with_an_array_of_log_entries(
    caller: Caller, method: str, path: str, document: Any, expected: tuple[int, str]
) -> None:
    answer = caller.call(method, path, document)
    entries = answer.json()
    assert (answer.status_code, entries[0]["id"]) == expected
    assert all(entry["statusCode"] == expected[0] and MOMENT.fullmatch(entry["timeOfOccurance"]) for entry in entries)
    assert answer.headers["content-type"] == "application/json"
    assert _limits(answer.headers) == (LIMITS if path != "/alive" else set())
    assert ("allow" in answer.headers) is (expected[0] == 405)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/persons/bulk"),
        ("PUT", "/duties/bulk"),
        ("POST", "/groups/bulk/delete"),
        ("GET", f"/activities/bulk/jobs/{UNKNOWN}"),
        ("GET", f"/persons/bulk/jobs/{UNKNOWN}/isCompleted"),
        ("GET", "/duties"),
        ("POST", "/groups/lookup"),
        ("GET", f"/activities/{UNKNOWN}"),
    ],
)
@pytest.mark.parametrize("token", ["", "x.y.z"])
def test_without_a_token_that_holds_all_is_403(caller: Caller, method: str, path: str, token: str) -> None:
    answer = caller.call(method, path, {"data": []} if method != "GET" else None, token=token)
    assert (answer.status_code, answer.json()[0]["id"], _limits(answer.headers)) == (403, "5002", LIMITS)
