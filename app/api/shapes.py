"""How activities, runs, jobs and batches look to callers: rows become objects. Nothing personal is in any of them."""

from collections.abc import Sequence

from app.api.answers import Object
from app.catalogue import explain
from app.db.reads import Row
from app.domain.lifecycle import FINISHED_JOB, FINISHED_RUN
from app.domain.stages import Stage

_JOB = ("id", "run_id", "activity_id", "stage", "title", "position", "status", "progress", "attempt")
_COUNTS = ("total", "pending", "sent", "succeeded", "warnings", "errors", "skipped")
_TIMES = ("created_at", "started_at", "finished_at")
_BATCH = (
    *("id", "number", "status", "records", "bytes", "sha256", "http_status", "remote_job_id", "polls", "error"),
    *("created_at", "called_at", "answered_at", "finished_at"),
)


def activity(row: Row) -> Object:
    """Shows an activity."""
    last_run = None
    if row["run_id"] is not None:
        shown = ("id", "sequence", "status", "on_record_error", *_TIMES)
        last_run = {name: row[f"run_{name}"] for name in shown}
    return {
        "id": row["id"],
        "display_name": row["display_name"],
        "roster": {
            "version": row["version"],
            "counts": {stage.value: row["counts"].get(stage.value, 0) for stage in Stage},
            "updated_at": row["updated_at"],
        },
        "findings": {"errors": row["findings_errors"], "warnings": row["findings_warnings"]},
        "last_run": last_run,
    }


def finding(row: Row) -> Object:
    """Shows one thing that is wrong with one object of a roster."""
    flaw = row["flaw"]
    explanation = explain(flaw["code"])
    return {
        "kind": row["stage"],
        "id": row["object_id"],
        "pointer": flaw["pointer"],
        "severity": flaw["severity"],
        "code": flaw["code"],
        "explanation": {"sv": explanation.sv, "en": explanation.en},
    }


def run(row: Row, jobs: Sequence[Row]) -> Object:
    """Shows a run with its jobs."""
    return {
        "id": row["id"],
        "activity_id": row["activity_id"],
        "sequence": row["sequence"],
        "status": row["status"],
        "on_record_error": row["on_record_error"],
        "roster_version": row["roster_version"],
        "requested_by": {"id": row["requested_by_id"], "name": row["requested_by_name"]},
        **{name: row[name] for name in _TIMES},
        "cancel_requested_at": row["cancel_requested_at"],
        "jobs": [job(each) for each in jobs],
    }


def job(row: Row) -> Object:
    """Shows a job."""
    shown = {
        **row,
        "title": Stage(row["stage"]).swedish,
        "progress": {name: row[name] for name in _COUNTS},
    }
    return {name: shown[name] for name in (*_JOB, *_TIMES, "error")}


def batch(row: Row) -> Object:
    """Shows one call to Skolverket without what was in it."""
    shown = {**row, "bytes": row["request_bytes"], "sha256": row["request_sha256"].hex()}
    return {name: shown[name] for name in _BATCH}


def run_finished(row: Row) -> bool:
    """Tells whether nothing will happen to a run by itself."""
    return row["status"] in FINISHED_RUN


def job_finished(row: Row) -> bool:
    """Tells whether nothing will happen to a job by itself."""
    return row["status"] in FINISHED_JOB
