"""What can become of a record that was sent, and what its records mean for a job."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a record that was sent."""

    SUCCEEDED = "succeeded"
    WARNING = "warning"
    ERROR = "error"
    AGAIN = "again"  # a passing fault at the target: send it later
    OPEN = "open"  # no answer yet


@dataclass(frozen=True, slots=True)
class Counts:
    """A job's records by status."""

    total: int = 0
    pending: int = 0
    sent: int = 0
    unchanged: int = 0
    succeeded: int = 0
    warnings: int = 0
    errors: int = 0
    skipped: int = 0


def job_result(counts: Counts, on_record_error: str) -> str:
    """Tells how a job ends whose records all have their final answer: `succeeded` or `failed`."""
    return "failed" if counts.errors and on_record_error == "halt" else "succeeded"


def run_outcome(jobs: Sequence[Counts]) -> str:
    """Tells in one word what became of all records of a finished run, whose `jobs` have these counts.

    `clean`, `with_warnings`, `with_errors` or `nothing_accepted`; the database makes that of one job in the same way.
    """
    total = sum(each.total for each in jobs)
    accepted = sum(each.succeeded + each.unchanged for each in jobs)
    if total == accepted:
        return "clean"
    if accepted + sum(each.warnings for each in jobs) == 0:
        return "nothing_accepted"
    return "with_errors" if any(each.errors + each.skipped + each.pending for each in jobs) else "with_warnings"
