"""What is shown of an activity: nothing in it is personal, so that all viewers are shown the same."""

from app.domain.kinds import Kind
from app.views import Row, Shown

_LAST_RUN = ("id", "sequence", "status", "outcome", "on_record_error", "created_at", "started_at", "finished_at")


def show_activity(row: Row) -> Shown:
    """Shows an activity; its last run's columns are under `run_` in the row."""
    last_run = None
    if row["run_id"] is not None:
        last_run = {name: row[f"run_{name}"] for name in _LAST_RUN}
    return {
        "id": row["id"],
        "display_name": row["display_name"],
        "roster": {
            "version": row["version"],
            "counts": {kind.value: row["counts"].get(kind.value, 0) for kind in Kind},
            "updated_at": row["updated_at"],
        },
        "findings": {
            "errors": row["findings_errors"],
            "warnings": row["findings_warnings"],
            "by_code": row["findings_by_code"],
        },
        "last_run": last_run,
    }
