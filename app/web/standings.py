"""Where a run or a job stands, as a reader takes it in: words, a sign, and a tone that is never alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.lifecycle import FINISHED_JOB, FINISHED_RUN, RUN
from app.views import Row


@dataclass(frozen=True, slots=True)
class Standing:
    """The key of its words, the sign before them, and the tone that the style has a colour for."""

    key: str
    sign: str
    tone: str


_OF_STATUS: Final[Mapping[str, Standing]] = {
    "waiting": Standing("standing_waiting", "…", "still"),
    "queued": Standing("standing_queued", "…", "still"),
    "running": Standing("standing_running", "▸", "busy"),
    "held": Standing("standing_held", "‖", "warn"),
    "succeeded": Standing("standing_succeeded", "✓", "good"),
    "failed": Standing("standing_failed", "✕", "bad"),
    "blocked": Standing("standing_blocked", "–", "still"),
    "cancelled": Standing("standing_cancelled", "–", "still"),
}
# Of what has succeeded: nobody is to take it for all well.
_OF_OUTCOME: Final[Mapping[str, Standing]] = {
    "clean": Standing("standing_clean", "✓", "good"),
    "with_warnings": Standing("standing_with_warnings", "!", "warn"),
    "with_errors": Standing("standing_with_errors", "✕", "bad"),
    "nothing_accepted": Standing("standing_nothing_accepted", "✕", "bad"),
}
_OF_RECORD: Final[Mapping[str, Standing]] = {
    "pending": Standing("record_pending", "…", "still"),
    "sent": Standing("record_sent", "▸", "busy"),
    "unchanged": Standing("record_unchanged", "✓", "good"),
    "succeeded": Standing("record_succeeded", "✓", "good"),
    "warning": Standing("record_warning", "!", "warn"),
    "error": Standing("record_error", "✕", "bad"),
    "skipped": Standing("record_skipped", "–", "warn"),
}
# What a job's page says first: of what has succeeded by its outcome, else by its status.
_HEADLINES: Final[Mapping[str, str]] = {
    "clean": "headline_clean",
    "with_warnings": "headline_warnings",
    "with_errors": "headline_errors",
    "nothing_accepted": "headline_errors",
    "waiting": "headline_waiting",
    "queued": "headline_waiting",
    "running": "headline_running",
    "held": "headline_held",
    "failed": "headline_failed",
    "blocked": "headline_blocked",
    "cancelled": "headline_cancelled",
}
# What the page of a run that has ended says first, by the same.
_RUN_HEADLINES: Final[Mapping[str, str]] = {
    "clean": "run_all_arrived",
    "with_warnings": "run_arrived_with_warnings",
    "with_errors": "run_not_all_arrived",
    "nothing_accepted": "run_nothing_arrived",
    "failed": "run_stopped",
    "cancelled": "run_was_cancelled",
}
HEADLINES: Final = frozenset([*_HEADLINES.values(), *_RUN_HEADLINES.values()])
FINISHED: Final = tuple(sorted(FINISHED_RUN))
UNDER_WAY: Final = tuple(sorted(RUN.keys() - FINISHED_RUN))

# A word that is new to this version.
_OTHER: Final = Standing("standing_other", "?", "still")

STANDINGS: Final = (*_OF_STATUS.values(), *_OF_OUTCOME.values(), *_OF_RECORD.values(), _OTHER)


def standing_of(shown: Row) -> Standing:
    """Gives where a run or a job stands, by its `status` and its `outcome`."""
    status, outcome = shown["status"], shown["outcome"]
    if status == "succeeded" and outcome in _OF_OUTCOME:
        return _OF_OUTCOME[outcome]
    return _OF_STATUS.get(status, _OTHER)


def standing_of_record(status: str) -> Standing:
    """Gives where a record stands."""
    return _OF_RECORD.get(status, _OTHER)


def headline_of(job: Row) -> str:
    """Gives the key of the sentence that sums up what became of a job."""
    if job["progress"]["errors"] and job["status"] in {"succeeded", "failed"}:
        return "headline_errors"
    outcome = job["outcome"] if job["status"] == "succeeded" else None
    return _HEADLINES.get(outcome or job["status"], "headline_clean")


def run_headline_of(run: Row) -> str | None:
    """Gives the key of the sentence that sums up what became of a run; None as long as it is under way."""
    return _RUN_HEADLINES.get(run["outcome"] if run["status"] == "succeeded" else run["status"])


def done_of(job: Row) -> int:
    """Counts the records of a job that have their final answer."""
    progress = job["progress"]
    done: int = progress["total"] - progress["pending"] - progress["sent"]
    return done


def is_under_way(shown: Row) -> bool:
    """Tells whether a run or a job will go on by itself."""
    return shown["status"] not in FINISHED_JOB
