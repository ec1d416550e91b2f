"""Answers: their JSON, and the conditions that a request may set."""

import json
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.api.http.answers import prefers_html, to_json
from app.api.http.conditions import Conditions


def test_times_are_utc_and_ids_are_text() -> None:
    moment = datetime(2026, 11, 23, 9, 0, 0, 5, timezone(timedelta(hours=1)))
    content = {"at": moment, "id": UUID(int=1)}
    assert json.loads(to_json(content)) == {
        "at": "2026-11-23T08:00:00.000005Z",
        "id": "00000000-0000-0000-0000-000000000001",
    }


def test_half_a_surrogate_pair_can_be_answered() -> None:
    """What has no UTF-8 still leaves as an escape, and comes back as it was."""
    assert json.loads(to_json({"name": "\ud800"})) == {"name": "\ud800"}


@pytest.mark.parametrize(
    ("if_match", "version", "allowed"),
    [
        (None, None, True),
        (None, 3, True),
        ("*", 3, True),
        ("*", None, False),
        ('"3"', 3, True),
        ('"3"', 4, False),
        ('"3-0123456789ab"', 3, True),
        ('"3-0123456789ab"', 4, False),
        ('"3-"', 3, False),
        ('W/"3-0123456789ab"', 3, False),
        ('"3"', None, False),
        ('"1" , "3"', 3, True),
        ('W/"3"', 3, False),
        ("3", 3, False),
        ('"x"', 3, False),
        ("", 3, False),
        ('"99999999999999999999"', 3, False),
    ],
)
def test_if_match_is_decided_by_the_version(if_match: str | None, version: int | None, allowed: bool) -> None:
    assert Conditions(if_match).allow(version) is allowed


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/*", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html, application/json", False),
        ("application/json;q=0.5, text/html", True),
        ("application/json, text/html; q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
        ("text/html;level=1;q=0.7, application/*;q=0.3", True),
    ],
)
def test_a_page_is_for_who_prefers_one(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html
