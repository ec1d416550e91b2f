"""Webhooks, decided: what is signed, when it is tried again, which addresses are none."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.webhooks import (
    WAITS,
    Verdict,
    body_of,
    headers_of,
    is_inside,
    next_try,
    secret_text,
    url_fault,
    verdict_of,
)


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    """The example that Standard Webhooks and its libraries verify with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs_and_is_written_with_its_prefix() -> None:
    new, before = b"n" * 32, b"b" * 32
    signatures = headers_of("an-id", 1, b"{}", [new, before])["webhook-signature"].split(" ")
    keys = [base64.b64decode(secret_text(key).removeprefix("whsec_")) for key in (new, before)]
    digests = [hmac.digest(key, b"an-id.1.{}", hashlib.sha256) for key in keys]
    assert signatures == [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
    assert secret_text(new).startswith("whsec_")


def test_a_body_is_the_same_bytes_whatever_order_its_data_came_in() -> None:
    at = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    one, other = {"run_id": "x", "outcome": None}, {"outcome": None, "run_id": "x"}
    expected = b'{"type":"run.failed","timestamp":"2026-11-23T08:00:00Z","data":{"outcome":null,"run_id":"x"}}'
    assert body_of("run.failed", at, one) == body_of("run.failed", at.astimezone(UTC), other) == expected


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (299, "delivered"),
        (301, "failed"),
        (308, "failed"),
        (404, "failed"),
        (410, "gone"),
        (429, "failed"),
        (500, "failed"),
        (None, "failed"),
    ],
)
def test_an_answer_is_judged_by_its_status(status: int | None, verdict: Verdict) -> None:
    assert verdict_of(status) == verdict


def test_tries_come_ever_later_for_three_days_and_then_no_more() -> None:
    hours = [timedelta(hours=each) for each in (2, 5, 10, 14, 20, 24)]
    planned = [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), *hours, None]
    assert [next_try(tries, 0) for tries in range(1, 11)] == planned
    assert all((latest := next_try(tries, 1)) and latest <= 1.1 * WAITS[tries - 1] for tries in range(1, 10))


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("8.8.8.8", False),
        ("172.15.255.255", False),
        ("172.16.0.1", True),
        ("10.1.2.3", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("168.63.129.16", True),
        ("192.0.0.192", True),
        ("0.0.0.0", True),  # noqa: S104 - refused
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("2001:4860:4860::8888", False),
        ("fe80::1", True),
        ("fe80::1%2", True),
        ("fd00:ec2::254", True),
        ("ff02::1", True),
        ("::", True),
        ("2001::1", True),
        ("2001:db8::1", True),
        ("::ffff:8.8.8.8", False),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::808:808", False),
        ("64:ff9b::a00:1", True),
        ("64:ff9b:1::1", True),
        ("2002:a00:1::", True),
        ("::a00:1", True),
        ("host.example.se", True),
        ("", True),
    ],
)
def test_only_public_addresses_are_outside(address: str, inside: bool) -> None:
    """Whether this machine may be reached makes no difference to any other."""
    assert is_inside(address, to_loopback=False) is inside
    assert is_inside(address, to_loopback=True) is inside


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_reached_where_a_setting_allows_it(address: str) -> None:
    assert is_inside(address, to_loopback=False)
    assert not is_inside(address, to_loopback=True)


@pytest.mark.parametrize(
    ("url", "fault", "fault_to_loopback"),
    [
        ("https://host.example.se/hook?a=b", None, None),
        ("https://host.example.se:8443", None, None),
        ("https://8.8.8.8/hook", None, None),
        ("http://host.example.se/hook", *["webhook_url_not_https"] * 2),
        ("ftp://host.example.se/", *["webhook_url_not_https"] * 2),
        ("https://10.0.0.1/", *["webhook_url_inside"] * 2),
        ("https://[fd00::1]/", *["webhook_url_inside"] * 2),
        ("https://localhost/", "webhook_url_inside", None),
        ("https://a.localhost./", "webhook_url_inside", None),
        ("https://127.0.0.1:9/", "webhook_url_inside", None),
        ("http://127.0.0.1:9/", "webhook_url_not_https", None),
        ("http://[::1]:9/", "webhook_url_not_https", None),
        ("https://user:secret@host.example.se/", *["webhook_url"] * 2),
        ("https://host.example.se/#part", *["webhook_url"] * 2),
        ("https://host.example.se:99999/", *["webhook_url"] * 2),
        ("https://höst.example.se/", *["webhook_url"] * 2),
        ("https://host.example.se/a b", *["webhook_url"] * 2),
        ("https://host.example.se/\r\nHost: other", *["webhook_url"] * 2),
        (f"https://host.example.se/{'a' * 2000}", *["webhook_url"] * 2),
        ("https:///hook", *["webhook_url"] * 2),
        ("https://[::1", *["webhook_url"] * 2),
        ("", *["webhook_url"] * 2),
    ],
)
def test_an_endpoint_is_a_public_https_address(url: str, fault: str | None, fault_to_loopback: str | None) -> None:
    assert url_fault(url, to_loopback=False) == fault
    assert url_fault(url, to_loopback=True) == fault_to_loopback
