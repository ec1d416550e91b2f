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

from app.skolverket.log_entries import messages
from app.skolverket.open_data import exams_of, organisation_of, programmes_of, says_not_found
from app.skolverket.results import blamed, item_results
from app.skolverket.wire import (
    found,
    log_ids,
    lookup_body,
    parsed,
    rate_limit,
    remote_job_id,
    token_value,
    transaction,
    wait_asked,
)
from app.target import (
    OpenItem,
    OpenOrganisation,
    RateLimit,
    Refusal,
    SlowDown,
    TargetError,
    TokenRefused,
    TryAgain,
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
        b'{"jobId":"{%s}"}' % ID.encode(),
        b'{"jobId":"urn:uuid:%s"}' % ID.encode(),
        b'{"jobId":"%s"}' % ID.replace("-", "").encode(),
        b'{"jobId":"%s\\n"}' % ID.encode(),
        b'{"jobId":" %s"}' % ID.encode(),
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


def test_a_remote_job_is_kept_as_it_is_written() -> None:
    assert remote_job_id(b'{"jobId":"%s"}' % ID.upper().encode()) == ID.upper()


@given(anything)
def test_no_json_is_a_crash(answer: Any) -> None:
    written = json.dumps(answer).encode()
    for read in (
        lambda: item_results(written),
        lambda: blamed(written),
        lambda: list(messages(answer, "groups", answer)),
        lambda: remote_job_id(written),
        lambda: token_value(answer),
        lambda: found(written),
        lambda: log_ids(written),
        lambda: says_not_found(written),
        lambda: programmes_of(written),
        lambda: organisation_of(written),
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
def test_only_what_shows_that_nobody_is_there_is_an_outage(fault: TargetError, is_outage: bool) -> None:
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


# Reading back


def test_a_lookup_gives_the_objects_as_they_came() -> None:
    assert found(b'[{"id":"x","securityMarking":"Ingen","new":[1]},null]') == [
        {"id": "x", "securityMarking": "Ingen", "new": [1]}
    ]


@pytest.mark.parametrize("answer", [b'{"data":[]}', b"null", b"7", b"", b"[{}"])
def test_another_shape_than_the_documented_one_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain):
        found(answer)


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_constant_that_json_does_not_have_is_no_json(constant: bytes) -> None:
    """Postgres would refuse it where it is stored."""
    with pytest.raises(TryAgain):
        found(b'[{"x":%s}]' % constant)


def test_a_lookup_asks_compactly() -> None:
    assert lookup_body([UUID(ID)]) == b'{"ids":["%s"]}' % ID.encode()


# Open data


def test_an_item_is_its_id_its_code_and_all_that_came() -> None:
    raw = {"id": ID, "displayName": "MATMAT01", "schoolYear": 6, "new": None}
    assert exams_of(json.dumps([raw]).encode()) == [OpenItem(UUID(ID), "MATMAT01", raw)]


def test_an_item_without_a_code_has_an_empty_one_and_one_without_an_id_is_passed_over() -> None:
    assert [item.code for item in exams_of(b'[{"id":"%s","displayName":7},{},null]' % ID.encode())] == [""]


@pytest.mark.parametrize("answer", [b"[]", b"null", b"{}", b'{"id":"x"}', b"7"])
def test_an_organisation_without_an_id_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain):
        organisation_of(answer)


@pytest.mark.parametrize("units", [None, "x", 7, {}])
def test_an_organisation_without_a_list_of_units_has_none(units: Any) -> None:
    raw = {"id": ID, "organisationNumber": "2120000001", "schoolUnits": units}
    assert organisation_of(json.dumps(raw).encode()) == OpenOrganisation(OpenItem(UUID(ID), "2120000001", raw), [])
