"""What is shown of a job: nothing in it is personal, so that all viewers are shown the same."""

from typing import Final

from app.catalogue import phrase
from app.domain.kinds import Kind
from app.domain.lifecycle import FINISHED_JOB
from app.domain.outcome import Counts
from app.views import Row, Shown
from app.views.summary import summary

COUNTS: Final = ("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped")


def show_job(row: Row, run: Row) -> Shown:
    """Shows a job of a `run` with its progress."""
    counts = counts_of(row)
    return {
        "id": row["id"],
        "run_id": row["run_id"],
        "activity_id": row["activity_id"],
        "activity": show_activity_of(run, row["activity_id"]),
        "run": {
            "sequence": run["sequence"],
            "requested_by": show_requester(run),
            "on_record_error": run["on_record_error"],
            "status": run["status"],
            "content_expired_at": run["content_expired_at"],
        },
        "stage": row["kind"],
        "title": phrase(f"title_{row['kind']}", "sv"),
        "action": row["action"],
        "position": row["position"],
        "status": row["status"],
        "held": show_pause_of(run) if row["status"] == "held" else None,
        "outcome": row["outcome"],
        "summary": summary([(Kind(row["kind"]), counts)], row["status"], finished=is_job_finished(row)),
        # Nothing that is shown of a job changes without one of these.
        "version": row["version"] + run["version"] + run["activity_version"],
        "progress": {name: getattr(counts, name) for name in COUNTS},
        "attempt": row["attempt"],
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "stop_at_errors": row["stop_at_errors"],
        "error": row["error"],
    }


def show_activity_of(run: Row, activity_id: object) -> Shown:
    """Shows what the activity of a run is called now; a deleted one has no name."""
    return {"id": activity_id, "display_name": run["activity_display_name"]}


def show_pause_of(run: Row) -> Shown:
    """Shows what keeps a held run: since when it is paused, why, and whether an operator has to let it go on."""
    return {"since": run["pause_since"], "reason": run["pause_reason"], "by": run["pause_by"]}


def show_requester(run: Row) -> Shown:
    """Shows which key has asked for a run."""
    return {"id": run["requested_by_id"], "name": run["requested_by_name"]}


def counts_of(row: Row) -> Counts:
    """Gives a job's records by status."""
    return Counts(**{name: row[name] for name in COUNTS})


def is_job_finished(row: Row) -> bool:
    """Tells whether nothing will happen to a job by itself."""
    return row["status"] in FINISHED_JOB
