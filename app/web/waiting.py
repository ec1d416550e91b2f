"""Why a run stands where it stands, and how long its stage will take. Decides only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from app.db.surroundings import Surroundings
from app.views import Row
from app.web.moments import in_sweden, time_of
from app.web.standings import done_of, is_under_way

# Of fewer records that have their answer nothing can be told.
_LEAST_DONE: Final = 20
_LEAST_TIME: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Reason:
    """The key of a sentence with its values; `code` is one of the catalogue's, whose words come after it."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    tone: str = "busy"


def reason_of(run: Row, around: Surroundings) -> Reason | None:
    """Tells what keeps a run that is under way; None when it has ended, or goes on as it should."""
    if not is_under_way(run):
        return None
    job = current_job(run["jobs"])
    if run["status"] == "held" or (job and job["status"] == "held"):
        return Reason("waits_held", tone="warn")
    if run["cancel_requested_at"]:
        return Reason("waits_cancelling")
    if run["status"] == "queued" and around.ahead is not None:
        return Reason("waits_for_run", {"number": around.ahead}, tone="still")
    if not around.carried:
        return Reason("waits_for_worker", tone="warn")
    if job and job["error"] and "code" in job["error"]:
        return Reason("waits_after_fault", code=job["error"]["code"], tone="warn")
    if around.away_since is not None:
        return Reason("waits_for_skolverket", {"since": in_sweden(around.away_since)}, tone="warn")
    if around.paused_until is not None:
        return Reason("waits_until", {"until": in_sweden(around.paused_until)}, tone="warn")
    if job and job["status"] == "running" and job["progress"]["sent"] and not job["progress"]["pending"]:
        return Reason("waits_for_answers")
    return Reason("waits_for_permit", tone="still") if job and job["status"] == "queued" else None


def current_job(jobs: Sequence[Row]) -> Row | None:
    """Gives the stage at which a run is: the first that has not succeeded."""
    return next((job for job in jobs if job["status"] != "succeeded"), None)


def minutes_left(job: Row, now: datetime) -> int | None:
    """Estimates for how many minutes more a running stage goes on as it has so far; None where nothing can be told."""
    done, total = done_of(job), job["progress"]["total"]
    if job["status"] != "running" or not job["started_at"] or done < max(_LEAST_DONE, total // 20):
        return None
    taken: timedelta = now - time_of(job["started_at"])
    if taken < _LEAST_TIME or done >= total:
        return None
    left: float = taken * (total - done) / done / timedelta(minutes=1)
    return ceil(left)


def may_cancel(run: Row) -> bool:
    """Tells whether a run can be cancelled."""
    return is_under_way(run) and not run["cancel_requested_at"]


def may_retry(run: Row, around: Surroundings) -> bool:
    """Tells whether a run can go on: it has failed or was cancelled, and is the latest of an exam that is there.

    One whose contents have gone by their age has nothing to send.
    """
    has_ended = run["status"] in {"failed", "cancelled"} and not run["content_expired_at"]
    return has_ended and around.is_latest and around.roster_version is not None


def may_send_again(run: Row, around: Surroundings) -> bool:
    """Tells whether its exam can be sent anew."""
    return not is_under_way(run) and around.roster_version is not None


def newer_version(run: Row, around: Surroundings) -> int | None:
    """Gives the number of the exam's roster where it is newer than the one that the run has frozen."""
    version = around.roster_version
    return version if version is not None and version > run["roster_version"] else None


def unfinished(run: Row) -> int:
    """Counts the records that a retry would send: those that have no answer yet, failed, or were skipped."""
    open_ = (job["progress"] for job in run["jobs"] if job["status"] != "succeeded")
    return sum(each["pending"] + each["sent"] + each["errors"] + each["skipped"] for each in open_)


def at_target(run: Row) -> int:
    """Counts the records that a cancel does not take back: what was accepted, and what is out."""
    done = (job["progress"] for job in run["jobs"])
    return sum(each["sent"] + each["succeeded"] + each["warnings"] for each in done)
