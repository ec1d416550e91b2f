"""What Skolverket's answer on one object means for its record, and what its records mean for a job."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a record that was sent."""

    SUCCEEDED = "succeeded"
    WARNING = "warning"
    ERROR = "error"
    AGAIN = "again"  # a passing fault at Skolverket: send it later
    OPEN = "open"  # no answer yet


# Provisioning API 1.3.2, AsynchronousResponse.status. The LogEntries' own codes don't decide.
_VERDICTS = {
    "Success": Verdict.SUCCEEDED,
    "Warning": Verdict.WARNING,
    "Error": Verdict.ERROR,
    "TemporaryError": Verdict.AGAIN,
    "Pending": Verdict.OPEN,
}


def judge(status: str | None) -> Verdict | None:
    """Reads an item's status; None when it is one that the specification lacks."""
    return _VERDICTS.get(status or "Pending")


@dataclass(frozen=True, slots=True)
class Counts:
    """A job's records by status."""

    total: int = 0
    pending: int = 0
    sent: int = 0
    succeeded: int = 0
    warnings: int = 0
    errors: int = 0
    skipped: int = 0


def job_result(counts: Counts, on_record_error: str) -> str:
    """Tells how a job ends whose records all have their final answer: `succeeded` or `failed`."""
    return "failed" if counts.errors and on_record_error == "halt" else "succeeded"
