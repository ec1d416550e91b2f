"""What is shown of a run: nothing in it is personal, so that all who may see the run are shown the same."""

from collections.abc import Sequence

from app.domain.lifecycle import FINISHED_RUN
from app.domain.outcome import Counts, run_outcome
from app.views import Row, Shown
from app.views.job import COUNTS, show_job


def show_run(row: Row, jobs: Sequence[Row]) -> Shown:
    """Shows a run with its `jobs`, which are in their order."""
    return {
        "id": row["id"],
        "activity_id": row["activity_id"],
        "sequence": row["sequence"],
        "status": row["status"],
        "outcome": _outcome(row, jobs),
        # Nothing that is shown of a run changes without one of these.
        "version": row["version"] + sum(each["version"] for each in jobs),
        "on_record_error": row["on_record_error"],
        "allow": row["allow"],
        "roster_version": row["roster_version"],
        "requested_by": {"id": row["requested_by_id"], "name": row["requested_by_name"]},
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "cancel_requested_at": row["cancel_requested_at"],
        "jobs": [show_job(each) for each in jobs],
    }


def _outcome(row: Row, jobs: Sequence[Row]) -> str | None:
    """Gives the outcome over the records of all jobs; None while the run goes on."""
    if not is_run_finished(row):
        return None
    return run_outcome([Counts(**{name: each[name] for name in COUNTS}) for each in jobs])


def is_run_finished(row: Row) -> bool:
    """Tells whether nothing will happen to a run by itself."""
    return row["status"] in FINISHED_RUN
