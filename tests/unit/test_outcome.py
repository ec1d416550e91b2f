"""What a job's records mean for the job."""

import pytest

from app.domain.outcome import Counts, job_result


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
