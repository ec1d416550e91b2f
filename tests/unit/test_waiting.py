"""What keeps a run, how long its stage will take, and what can be done with it, as tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db.surroundings import Surroundings
from app.web import waiting

NOW = datetime(2026, 3, 22, 17, 13, 19, tzinfo=UTC)
AROUND = Surroundings(
    ahead=None,
    ahead_id=None,
    is_latest=True,
    roster_version=2,
    roster_at=NOW,
    carried=True,
    away_since=None,
    paused_until=None,
)
COUNTS = ("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped")


def job(status: str, *, error: str | None = None, started: datetime | None = NOW, **counts: int) -> dict[str, Any]:
    progress = {name: counts.get(name, 0) for name in COUNTS}
    progress["total"] = sum(progress.values())
    problem = None if error is None else {"code": error}
    return {"status": status, "error": problem, "progress": progress, "started_at": started}


def run(status: str, *jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    times = {"cancel_requested_at": None, "content_expired_at": None}
    return {"status": status, "outcome": None, **times, "roster_version": 2, "jobs": jobs, **more}


WAITS = run("queued", job("waiting", pending=3))
QUEUED = run("running", job("queued", pending=3))
SENT = run("running", job("succeeded", succeeded=3), job("running", sent=2, succeeded=1))
SENDS = run("running", job("running", sent=2, pending=1))
FAULTY = run("running", job("running", error="http_503", sent=2))


@pytest.mark.parametrize(
    ("shown", "around", "key", "tone"),
    [
        (WAITS, replace(AROUND, ahead=4), "waits_for_run", "still"),
        (WAITS, replace(AROUND, ahead=4, carried=False), "waits_for_run", "still"),
        (WAITS, replace(AROUND, carried=False), "waits_for_worker", "warn"),
        (QUEUED, AROUND, "waits_for_permit", "still"),
        (QUEUED, replace(AROUND, carried=False), "waits_for_worker", "warn"),
        (QUEUED, replace(AROUND, away_since=NOW), "waits_for_skolverket", "warn"),
        (QUEUED, replace(AROUND, paused_until=NOW), "waits_until", "warn"),
        (FAULTY, AROUND, "waits_after_fault", "warn"),
        (FAULTY, replace(AROUND, away_since=NOW), "waits_after_fault", "warn"),
        (SENT, AROUND, "waits_for_answers", "busy"),
        (run("running", *SENT["jobs"], cancel_requested_at=NOW), AROUND, "waits_cancelling", "busy"),
        (run("held", job("held", pending=3)), AROUND, "waits_held", "warn"),
    ],
)
def test_what_keeps_a_run_is_named(shown: dict[str, Any], around: Surroundings, key: str, tone: str) -> None:
    """What is nearest counts: the run ahead, then who carries it, then the last fault, then the target."""
    reason = waiting.reason_of(shown, around)
    assert reason is not None
    assert (reason.key, reason.tone) == (key, tone)


@pytest.mark.parametrize("shown", [SENDS, run("failed", job("failed", errors=1)), run("succeeded")])
def test_nothing_keeps_a_run_that_goes_on_or_has_ended(shown: dict[str, Any]) -> None:
    assert waiting.reason_of(shown, AROUND) is None


def test_a_fault_is_said_in_the_words_of_its_code() -> None:
    reason = waiting.reason_of(FAULTY, AROUND)
    assert reason is not None
    assert reason.code == "http_503"


@pytest.mark.parametrize(
    ("shown", "seconds", "minutes"),
    [
        (job("running", succeeded=100, pending=300), 60, 3),
        (job("running", succeeded=100, warnings=100, pending=200), 61, 2),
        (job("running", succeeded=399, sent=1), 60, 1),
        (job("running", succeeded=19, pending=300), 60, None),  # of so few nothing can be told
        (job("running", succeeded=100, pending=9900), 60, None),
        (job("running", succeeded=100, pending=300), 2, None),
        (job("running", succeeded=400), 60, None),
        (job("queued", succeeded=100, pending=300), 60, None),
        (job("running", started=None, succeeded=100, pending=300), 60, None),
    ],
)
def test_what_is_left_is_told_where_it_can_be(shown: dict[str, Any], seconds: int, minutes: int | None) -> None:
    assert waiting.minutes_left(shown, NOW + timedelta(seconds=seconds)) == minutes


GONE = replace(AROUND, roster_version=None)


@pytest.mark.parametrize(
    ("shown", "around", "possible"),
    [
        (SENDS, AROUND, {"cancel"}),
        (WAITS, AROUND, {"cancel"}),
        (run("running", cancel_requested_at=NOW), AROUND, set()),
        (run("failed"), AROUND, {"retry", "send_again"}),
        (run("cancelled"), AROUND, {"retry", "send_again"}),
        (run("failed"), replace(AROUND, is_latest=False), {"send_again"}),
        (run("succeeded"), AROUND, {"send_again"}),
        (run("failed"), GONE, set()),
        (run("failed", content_expired_at=NOW), AROUND, {"send_again"}),
    ],
)
def test_what_can_be_done_with_a_run(shown: dict[str, Any], around: Surroundings, possible: set[str]) -> None:
    found = {
        "cancel": waiting.may_cancel(shown),
        "retry": waiting.may_retry(shown, around),
        "send_again": waiting.may_send_again(shown, around),
    }
    assert {name for name, may in found.items() if may} == possible


@pytest.mark.parametrize(("frozen", "around", "newer"), [(1, AROUND, 2), (2, AROUND, None), (1, GONE, None)])
def test_a_newer_roster_is_told(frozen: int, around: Surroundings, newer: int | None) -> None:
    assert waiting.newer_version(run("failed", roster_version=frozen), around) == newer


def test_what_a_retry_sends_and_a_cancel_leaves_is_counted() -> None:
    shown = run(
        "failed",
        job("succeeded", succeeded=5, errors=1),
        job("failed", succeeded=3, errors=2, skipped=1),
        job("blocked", pending=7),
    )
    assert waiting.unfinished(shown) == 10
    assert waiting.at_target(SENT) == 6
