"""What is shown of a job: nothing in it is personal, so that all viewers are shown the same."""

from app.domain.kinds import Kind
from app.domain.lifecycle import FINISHED_JOB
from app.views import Row, Shown

COUNTS = ("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped")


def show_job(row: Row) -> Shown:
    """Shows a job with its progress."""
    return {
        "id": row["id"],
        "run_id": row["run_id"],
        "activity_id": row["activity_id"],
        "stage": row["kind"],
        "title": Kind(row["kind"]).swedish,
        "action": row["action"],
        "position": row["position"],
        "status": row["status"],
        "outcome": row["outcome"],
        "version": row["version"],
        "progress": {name: row[name] for name in COUNTS},
        "attempt": row["attempt"],
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "error": row["error"],
    }


def is_job_finished(row: Row) -> bool:
    """Tells whether nothing will happen to a job by itself."""
    return row["status"] in FINISHED_JOB
