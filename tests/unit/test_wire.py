"""Skolverket's JSON is read as far as it makes sense; what does not is tried again, never a crash."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.skolverket.faults import Refusal, SkolverketError, SlowDown, TokenRefused, TryAgain
from app.skolverket.wire import (
    ItemAnswer,
    RateLimit,
    completed,
    found,
    held,
    item_answers,
    log_ids,
    open_item,
    open_items,
    page,
    parsed,
    rate_limit,
    remote_job_id,
    says_not_found,
    school_units,
    token_value,
    transaction,
    wait_asked,
)

ID = "a0000000-0000-4000-8000-000000000001"

anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.just(ID),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "responses",
                    "id",
                    "response",
                    "status",
                    "jobId",
                    "access_token",
                    "value",
                    "data",
                    "pageToken",
                    "schoolUnits",
                    "code",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_a_transaction_asks_for_a_bearer_token_for_one_address() -> None:
    assert transaction("2120000001", "https://api.example.se/v1") == {
        "access_token": [
            {
                "access": [{"type": "provisioning-api", "locations": ["https://api.example.se/v1"]}],
                "flags": ["bearer"],
            }
        ],
        "client": {"key": "2120000001"},
    }


def test_a_transaction_may_name_its_key_by_the_certificate() -> None:
    key = {"proof": "mtls", "cert#S256": "x"}
    assert transaction(key, "https://api.example.se/v1")["client"] == {"key": key}


def test_the_token_is_the_access_tokens_value() -> None:
    assert token_value({"access_token": {"value": "a.b.c", "expires_in": 36000}, "more": 1}) == "a.b.c"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "a.b.c",
        {},
        {"access_token": None},
        {"access_token": "a.b.c"},
        {"access_token": [{"value": "a.b.c"}]},
        {"access_token": {}},
        {"access_token": {"value": None}},
        {"access_token": {"value": ""}},
        {"access_token": {"value": 7}},
        {"error": {"code": "invalid_request"}},
    ],
)
def test_an_answer_without_a_token_is_tried_again(answer: Any) -> None:
    with pytest.raises(TryAgain) as fault:
        token_value(answer)
    assert fault.value.code == "token_unreadable"


def test_the_remote_job_is_read_and_all_else_ignored() -> None:
    assert remote_job_id(json.dumps({"jobId": ID, "message": "x", "more": []}).encode()) == ID


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"jobId":null}',
        b'{"jobId":7}',
        b'{"jobId":""}',
        b'{"jobId":"../../persons"}',
        b'{"jobId":"%s"' % ID.encode(),
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_remote_job_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain) as fault:
        remote_job_id(answer)
    assert (fault.value.code, fault.value.answer) == ("answer_unreadable", answer)


def _items(*items: Any) -> list[ItemAnswer]:
    return list(item_answers(json.dumps({"jobId": ID, "responses": items}).encode()))


def test_an_item_is_its_id_its_status_and_all_that_came() -> None:
    item = {"id": ID, "response": {"status": "Success", "statusCode": 201, "new": {"x": 1}}, "meta": None}
    assert _items(item) == [ItemAnswer(UUID(ID), "Success", item)]


@pytest.mark.parametrize(
    "response", [None, "Success", [], 7, {}, {"status": None}, {"status": 7}, {"status": ["Success"]}]
)
def test_an_item_without_a_status_has_none(response: Any) -> None:
    item = {"id": ID, "response": response}
    assert _items(item) == [ItemAnswer(UUID(ID), None, item)]


def test_an_item_without_a_response_has_no_status() -> None:
    assert [item.status for item in _items({"id": ID})] == [None]


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"id": None}, {"id": 7}, {"id": "x"}, {"id": {}}])
def test_an_item_without_an_id_is_passed_over(item: Any) -> None:
    assert [each.object_id for each in _items(item, {"id": ID})] == [UUID(ID)]


def test_an_id_is_the_same_in_any_case() -> None:
    assert [each.object_id for each in _items({"id": ID.upper()})] == [UUID(ID)]


def test_no_items_are_no_fault() -> None:
    assert _items() == []


@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b"{}", b'{"responses":null}', b'{"responses":{}}', b'{"resp'])
def test_an_answer_without_a_list_of_items_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain) as fault:
        list(item_answers(answer))
    assert fault.value.code == "answer_unreadable"


@given(anything)
def test_no_json_is_a_crash(answer: Any) -> None:
    written = json.dumps(answer).encode()
    for read in (
        lambda: list(item_answers(written)),
        lambda: remote_job_id(written),
        lambda: token_value(answer),
        lambda: completed(written),
        lambda: page(written),
        lambda: found(written),
        lambda: held(written),
        lambda: log_ids(written),
        lambda: says_not_found(written),
        lambda: open_items(written, "value"),
        lambda: school_units(open_item(written, "value")),
    ):
        with suppress(TryAgain):
            read()


@given(st.binary(max_size=40))
def test_no_bytes_are_a_crash(answer: bytes) -> None:
    with suppress(TryAgain):
        parsed(answer)


def test_a_fault_does_not_tell_what_was_answered() -> None:
    with pytest.raises(TryAgain) as fault:
        parsed(b'{"civicNo":"201203049810"')
    assert "2012" not in f"{fault.value} {fault.value!r}"
    assert fault.value.__suppress_context__


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"X-RateLimit-Reset": "1"}, 1),
        ({"X-RateLimit-Reset": "0.5"}, 0.5),
        ({"Retry-After": "7", "X-RateLimit-Reset": "1"}, 7),
        ({"Retry-After": "Mon, 23 Nov 1998 12:00:00 GMT", "X-RateLimit-Reset": "2"}, 0),
        ({"Retry-After": "Mon, 23 Nov 2998 12:00:00 -0000"}, 3600),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "2"}, 2),
        ({"Retry-After": "-1", "X-RateLimit-Reset": "2"}, 2),
        ({"Retry-After": "1e9"}, 3600),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Remaining": "3"}, None),
    ],
)
def test_a_wait_is_read_whole_or_fractional(headers: dict[str, str], seconds: float | None) -> None:
    """Retry-After first, as a number or a date and an hour at most; one that can't be read is no wait."""
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert wait_asked(httpx.Headers(headers)) == expected


# The limit


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, None),
        ({"Retry-After": "7"}, None),
        (
            {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "1"},
            RateLimit(5, 4, timedelta(seconds=1)),
        ),
        (
            {"x-ratelimit-limit": "10.0", "x-ratelimit-remaining": "0.9", "x-ratelimit-reset": "0.5"},
            RateLimit(10, 0, timedelta(seconds=0.5)),
        ),
        ({"X-RateLimit-Remaining": "0"}, RateLimit(None, 0, None)),
        ({"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "?", "X-RateLimit-Reset": ""}, RateLimit(5, None, None)),
        ({"X-RateLimit-Limit": "nan", "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "inf"}, None),
        ({"X-RateLimit-Limit": "1e300"}, None),
        ({"X-RateLimit-Reset": "3601"}, None),
        ({"X-RateLimit-Reset": "0"}, RateLimit(None, None, timedelta())),
    ],
)
def test_the_limit_is_read_whole_or_fractional(headers: dict[str, str], said: RateLimit | None) -> None:
    """Each header by itself: what can't be read is as if it had not come."""
    assert rate_limit(httpx.Headers(headers)) == said


# Errors


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        (b'[{"id":"5002"}]', {"5002"}),
        (b'[{"id":"5002"},{"id":"9999"}]', {"5002", "9999"}),
        (b'{"id":"5002"}', {"5002"}),
        (b'[{"id":5002}]', {"5002"}),
        (b'[{"id":null},{"id":[]},{},7,null,"5002"]', set()),
        (b"[]", set()),
        (b"{}", set()),
        (b"", set()),
        (b"<html>", set()),
        (b'[{"id":"5002"', set()),
    ],
)
def test_the_ids_of_an_error_are_read_from_a_list_or_from_one(answer: bytes, ids: set[str]) -> None:
    assert log_ids(answer) == ids


@pytest.mark.parametrize(
    ("fault", "is_outage"),
    [
        (TryAgain("no_connection"), True),
        (TryAgain("connection_lost"), True),
        (TryAgain("timeout"), True),
        (TryAgain("http_500", http_status=500), True),
        (TryAgain("http_503", http_status=503), True),
        (SlowDown("http_429", http_status=429), False),
        (TryAgain("http_404", http_status=404), False),
        (TryAgain("forbidden", http_status=403), False),
        (TryAgain("answer_unreadable", http_status=200), False),
        (TryAgain("server_untrusted"), False),
        (TryAgain("server_wrong_host"), False),
        (TryAgain("server_pin"), False),
        (TokenRefused("token_refused", http_status=403), False),
        (Refusal("http_400", http_status=400), False),
    ],
)
def test_only_what_shows_that_nobody_is_there_is_an_outage(fault: SkolverketError, is_outage: bool) -> None:
    assert fault.is_outage is is_outage


@pytest.mark.parametrize(
    ("answer", "says_so"),
    [
        (b'{"code":404,"message":"Organisation not found"}', True),
        (b'{"code":500,"message":"x"}', False),
        (b'{"message":"no Route matched"}', False),
        (b"<html>404</html>", False),
        (b"", False),
    ],
)
def test_a_404_of_the_open_data_is_told_from_one_in_front_of_it(answer: bytes, says_so: bool) -> None:
    assert says_not_found(answer) is says_so


def test_a_number_too_large_for_a_float_stays_as_its_text() -> None:
    """It could be stored, but not be shown as JSON again."""
    assert parsed(b'{"a": 1e999, "b": -1e999, "c": 1.5}') == {"a": "1e999", "b": "-1e999", "c": 1.5}
