"""What operators are shown of organisations, their runs and pauses: no person, and no name of an activity or a key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.catalogue import Clock, Language
from app.domain.diagnosis import Finding
from app.domain.lifecycle import FINISHED_RUN
from app.views import Row, Shown
from app.views.diagnosis import worded
from app.views.job import COUNTS


def show_organisation(row: Row, pauses: Sequence[Row]) -> Shown:
    """Shows what an organisation has to do, and its own `pauses`."""
    return {
        "number": row["number"],
        "name": row["name"],
        "disabled": row["disabled_at"] is not None,
        "paused": any(each["activity_id"] is None for each in pauses),
        "pauses": [show_pause(each) for each in pauses],
        "jobs_due": row["jobs_due"],
        "oldest_due_at": row["oldest_due_at"],
        "runs": {"running": row["running"], "held": row["held"], "waiting": row["waiting"]},
    }


def show_pause(row: Row) -> Shown:
    """Shows a pause; one without an activity is of all that its organisation has.

    What nobody has opened for the organisation shows of reasons an operator's alone.
    """
    return {name: row[name] for name in ("activity_id", "since", "reason", "by")}


def show_pauses(organisation: str | None, activity_id: Any, pauses: Sequence[Row]) -> Shown:
    """Shows what keeps an activity, or all of an organisation, after a change of it; with its number to operators."""
    shown = {"activity_id": activity_id, "paused": bool(pauses), "pauses": [show_pause(each) for each in pauses]}
    return shown if organisation is None else {"organisation": organisation, **shown}


def show_run_under_way(
    found: Finding,
    names: Mapping[str, str],
    counts: Mapping[UUID, Mapping[str, int]],
    now: datetime,
    language: Language = "en",
    clock: Clock | None = None,
) -> Shown:
    """Shows a run under way with what the doctor has `found` of it at a moment `now`.

    `names` are those of organisations by number, `counts` those of records by job; `clock` writes moments.
    """
    queue = found.queue
    assert queue is not None  # noqa: S101 - who calls has chosen those of runs
    said = worded(found, now, language, clock)
    job = queue.job
    progress = None if job is None else counts.get(job.id)
    return {
        "id": queue.run_id,
        "organisation": {"number": queue.organisation, "name": names.get(queue.organisation)},
        "activity_id": queue.activity_id,
        "sequence": queue.sequence,
        "status": "held" if job is not None and job.status == "held" else "running",
        "stage": job and job.kind,
        "progress": progress and {each: progress[each] for each in COUNTS},
        "started_at": queue.started_at,
        "cancel_requested": queue.cancelling,
        "runs_waiting": queue.waiting,
        "keeps_it": {
            "level": found.level,
            "code": found.code,
            "what": said.what,
            "why": said.why,
            "to_do": said.frees,
            "since": found.since,
        },
        # What is held is due at no time.
        "next_step_at": None if job is None or job.held or job.status == "held" else job.due_at,
    }


def show_changed_run(row: Row) -> Shown:
    """Shows how a run stands after an operator has changed it."""
    names = ("id", "organisation", "activity_id", "sequence", "status")
    return {**{name: row[name] for name in names}, "cancel_requested": row["cancel_requested_at"] is not None}


def show_latest_run(row: Row) -> Shown:
    """Shows one of an organisation's latest runs, and whether it can be cancelled, or go on."""
    names = ("id", "activity_id", "sequence", "status", "outcome", "created_at", "finished_at")
    return {
        **{name: row[name] for name in names},
        "may_cancel": row["status"] not in FINISHED_RUN and row["cancel_requested_at"] is None,
        "may_retry": row["latest"] and row["status"] in ("failed", "cancelled"),
    }
