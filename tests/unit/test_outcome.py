"""What Skolverket's words mean for a record, and its records for a job."""

import pytest

from app.domain.outcome import Counts, Verdict, job_result, judge


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("Success", Verdict.SUCCEEDED),
        ("Warning", Verdict.WARNING),
        ("Error", Verdict.ERROR),
        ("TemporaryError", Verdict.AGAIN),
        ("Pending", Verdict.OPEN),
        (None, Verdict.OPEN),
        ("Deferred", None),
        ("success", None),
        ("Success ", None),
    ],
)
def test_a_status_has_one_meaning_and_an_unlisted_one_none(status: str | None, verdict: Verdict | None) -> None:
    assert judge(status) is verdict


@pytest.mark.parametrize(
    ("counts", "halt", "goes_on"),
    [
        (Counts(), "succeeded", "succeeded"),
        (Counts(total=1, succeeded=1), "succeeded", "succeeded"),
        (Counts(total=1, warnings=1), "succeeded", "succeeded"),
        (Counts(total=1, skipped=1), "succeeded", "succeeded"),
        (Counts(total=1, errors=1), "failed", "succeeded"),
        (Counts(total=9, succeeded=8, errors=1), "failed", "succeeded"),
    ],
)
def test_only_errors_fail_a_job_and_only_under_halt(counts: Counts, halt: str, goes_on: str) -> None:
    assert (job_result(counts, "halt"), job_result(counts, "continue")) == (halt, goes_on)
