"""What is shown of a run: nothing in it is personal, so that all who may see the run are shown the same."""

from collections.abc import Sequence

from app.domain.kinds import Kind
from app.domain.lifecycle import FINISHED_RUN
from app.views import Row, Shown
from app.views.codes import shown_allowed
from app.views.job import counts_of, show_activity_of, show_job, show_pause_of, show_requester
from app.views.summary import summary


def show_run(row: Row, jobs: Sequence[Row]) -> Shown:
    """Shows a run with its `jobs`, which are in their order."""
    stages = [(Kind(each["kind"]), counts_of(each)) for each in jobs]
    finished = is_run_finished(row)
    return {
        "id": row["id"],
        "activity_id": row["activity_id"],
        "activity": show_activity_of(row, row["activity_id"]),
        "sequence": row["sequence"],
        "status": row["status"],
        "held": show_pause_of(row) if row["status"] == "held" else None,
        "outcome": row["outcome"],
        "summary": summary(stages, row["status"], finished=finished),
        # Nothing that is shown of a run changes without one of these.
        "version": row["version"] + row["activity_version"] + sum(each["version"] for each in jobs),
        "on_record_error": row["on_record_error"],
        "allow": shown_allowed(row["allow"]),
        "stop_at_errors": {each["kind"]: each["stop_at_errors"] for each in jobs},
        "roster_version": row["roster_version"],
        "requested_by": show_requester(row),
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "cancel_requested_at": row["cancel_requested_at"],
        "content_expired_at": row["content_expired_at"],
        "jobs": [show_job(each, row) for each in jobs],
    }


def is_run_finished(row: Row) -> bool:
    """Tells whether nothing will happen to a run by itself."""
    return row["status"] in FINISHED_RUN


def run_of(row: Row) -> Shown:
    """Gives the run whose columns a job's row has under `run_`."""
    return {name.removeprefix("run_"): value for name, value in row.items() if name.startswith("run_")}
