"""The proofs that a fault has to get past, from cheap to dear. What they prove stands in the tests themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Proof:
    """Arguments of `python -m`, and the seconds after which a run that is still going counts as stuck."""

    arguments: tuple[str, ...]
    within: float

    @property
    def by_pytest(self) -> bool:
        """Tells whether its output is that of pytest."""
        return self.arguments[0] == "pytest"


def _tests(*chosen: str, within: float = 120) -> Proof:
    options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist")
    return Proof(("pytest", *options, *chosen), within)


def _database(*names: str, within: float = 120) -> Proof:
    return _tests(*(f"tests/database/test_{each}.py" for each in names), within=within)


def _crashes(*points: str) -> Proof:
    """Gives the deaths of a worker at those points: with each, one of another kind."""
    test = "tests/journeys/test_crash_points.py::test_another_worker_goes_on_where_one_has_died"
    return _tests(*(f"{test}[{point}]" for point in points), within=240)


_DECISIONS = ("step", "job_decisions", "lifecycle", "retry", "batching", "limits", "circuit", "line", "tenure")
_JOURNEYS = (
    "test_a_worker_that_is_told_to_end_finishes_its_step",
    "test_a_worker_that_is_told_to_end_begins_no_further_call",
    "test_under_continue_only_the_spoilt_and_what_hangs_on_them_fail",
    "test_runs_of_one_activity_go_one_after_the_other",
    "test_nothing_is_lost_when_the_notifier_is_emptied",
)

PROOFS: Final[Mapping[str, Proof]] = {
    "decisions": _tests(*(f"tests/unit/test_{each}.py" for each in _DECISIONS)),
    "refusals": _database("refusals", "refusals_of_rows", "transitions"),
    "claims": _database("claims", "clock"),
    "queues": _database("activity_queue", "queue_order", "regressions"),
    "batches": _database("batches", "unmark_called", "at_target"),
    "contents": _database("content", "erasure"),
    "egress": _database("egress", "circuits"),
    "suspects": _database("suspects"),
    "faults": _database("faults"),
    "pacer": _tests("tests/unit/test_pacer.py"),
    "uploads": _database("uploads", "latest_upload", "unanswered"),
    "exceptions": _database("kept_here", "eppn_order", "shrinking", "comparisons"),
    "tasks": _database("tasks", "repairs"),
    "organisations": _database("organisation_first"),
    "API": _tests("tests/api/test_runs.py"),
    "search": _tests(
        *("tests/unit/test_search.py", "tests/unit/test_cursors.py", "tests/api/test_objects.py"), within=240
    ),
    "reads": _tests(
        "tests/unit/test_changes.py",
        "tests/unit/test_memory.py",
        "tests/api/test_remembered.py",
        "tests/api/test_streams.py",
    ),
    "client": _tests(
        *(
            f"tests/contract/test_{each}.py"
            for each in ("client_answers", "client_against_simulator", "unacknowledged", "calls")
        )
    ),
    "model": _database("model", within=300),
    "hostile SQL": _database("hostile_sql", within=240),
    "crash points": _crashes(
        "during_call:send",
        "after_commit:mark_called",
        "after_commit:accept_batch",
        "before_commit:apply_answer",
        "before_commit:claim",
    ),
    "journeys": _tests(*(f"tests/journeys/test_journeys.py::{each}" for each in _JOURNEYS), within=300),
    "torture": Proof(
        (
            *("tests.torture", "--seed", "1", "--minutes", "0.3", "--organisations", "3"),
            *("--largest", "300", "--settle", "60", "--quiet-pace", "0"),
        ),
        300,
    ),
}
