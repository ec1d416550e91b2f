"""What is shown of an activity: nothing in it is personal."""

from app.domain.kinds import Kind
from app.views import Row, Shown
from app.views.codes import shown_findings
from app.views.viewer import Viewer

_LAST_RUN = ("id", "sequence", "status", "outcome", "on_record_error", "created_at", "started_at", "finished_at")


def show_activity(row: Row, viewer: Viewer, unshown_members: int = 0) -> Shown:
    """Shows an activity; its last run's columns are under `run_` in the row.

    `unshown_members` is in how many groups nobody of those may be seen who are lost in another roster.
    """
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
            **shown_findings(row["findings_by_code"], row["findings_warnings"], viewer, unshown_members),
        },
        "last_run": last_run,
    }
