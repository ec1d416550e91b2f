"""What a job's records mean for the job."""

import pytest

from app.domain.outcome import Counts, job_result, run_outcome


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


@pytest.mark.parametrize(
    ("jobs", "outcome"),
    [
        pytest.param([Counts()], "clean", id="nothing to send"),
        pytest.param([Counts(total=2, succeeded=1, unchanged=1)], "clean", id="all well"),
        pytest.param([Counts(total=2, succeeded=1, warnings=1)], "with_warnings", id="a warning"),
        pytest.param([Counts(total=2, succeeded=1, errors=1)], "with_errors", id="an error"),
        pytest.param([Counts(total=2, warnings=1, skipped=1)], "with_errors", id="one was skipped"),
        pytest.param([Counts(total=2, unchanged=1, pending=1)], "with_errors", id="one never went"),
        pytest.param([Counts(total=2, errors=1, skipped=1)], "nothing_accepted", id="nothing was taken"),
        pytest.param([Counts(total=1, succeeded=1), Counts(total=1, errors=1)], "with_errors", id="over all jobs"),
    ],
)
def test_an_outcome_is_what_became_of_all_records(jobs: list[Counts], outcome: str) -> None:
    assert run_outcome(jobs) == outcome
