"""What can become of a record that was sent, and what its records mean for a job."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

# What became of all records of a job or run that has ended, in one word; the database makes it of the counts.
OUTCOMES: Final = ("clean", "with_warnings", "with_errors", "nothing_accepted")


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


def in_all(each: Iterable[Counts]) -> Counts:
    """Adds up the counts of several jobs."""
    counted = list(each)
    return Counts(**{one.name: sum(getattr(counts, one.name) for counts in counted) for one in fields(Counts)})


def job_result(counts: Counts, on_record_error: str) -> str:
    """Tells how a job ends whose records all have their final answer: `succeeded` or `failed`."""
    return "failed" if counts.errors and on_record_error == "halt" else "succeeded"


def outcome_of(counts: Counts) -> str:
    """Sums up records of something that has ended in one word, as the database does it."""
    if counts.total == counts.succeeded + counts.unchanged:
        return "clean"
    if counts.succeeded + counts.warnings + counts.unchanged == 0:
        return "nothing_accepted"
    return "with_errors" if counts.errors + counts.skipped + counts.pending > 0 else "with_warnings"
