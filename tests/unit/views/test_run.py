"""Activities, runs and jobs, which look the same to all who may see them; and that every view fits its schema."""

from typing import Any

import pytest
from pydantic import BaseModel

from app.api.schemas.activities import Activity, Finding
from app.api.schemas.batches import Batch, BatchDetail
from app.api.schemas.records import Record, RecordDetail
from app.api.schemas.runs import Job, Run
from app.domain.lifecycle import FINISHED_JOB, FINISHED_RUN
from app.views.activity import show_activity
from app.views.batch import show_batch, show_batch_detail
from app.views.issue import show_finding
from app.views.job import is_job_finished, show_job
from app.views.record import show_record, show_record_detail
from app.views.run import is_run_finished, show_run
from tests.unit.views.rows import AT, KEY, PUPIL, batch, job, record, run, viewer

PAUSED: dict[str, Any] = {"status": "held", "pause_since": AT, "pause_reason": "Underhåll", "pause_by": "operator"}

ACTIVITY = {
    "id": run()["activity_id"],
    "display_name": "Prov",
    "version": 2,
    "counts": {"persons": 4},
    "updated_at": AT,
    "findings_errors": 1,
    "findings_by_code": {"schema_type": 1},
    "findings_warnings": 0,
    "run_id": None,
    **{f"run_{name}": None for name in run() if name != "id"},
}
FINDING = {
    "kind": "persons",
    "object_id": PUPIL,
    "pointer": "",
    "severity": "error",
    "code": "schema_type",
    "cause": None,
    "count": None,
    "ids": None,
}


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        (Run, show_run(run(), [job()])),
        (Job, show_job(job(), run())),
        (Run, show_run(run(**PAUSED), [job(status="held")])),
        (Job, show_job(job(status="held"), run(**PAUSED))),
        (Activity, show_activity(ACTIVITY, viewer())),
        (Activity, show_activity({**ACTIVITY, **{f"run_{name}": value for name, value in run().items()}}, viewer())),
        (Finding, show_finding(FINDING, viewer())),
        (Record, show_record(record(), viewer())),
        (RecordDetail, show_record_detail(record(), viewer("pii"))),
        (Batch, show_batch(batch(), viewer())),
        (BatchDetail, show_batch_detail(batch(), viewer(), kind="persons", protected=set())),
    ],
)
def test_a_view_has_exactly_the_fields_of_its_schema(schema: type[BaseModel], shown: dict[str, Any]) -> None:
    assert schema.model_validate(shown).model_dump() == shown


def test_a_run_shows_its_jobs_as_they_are_shown_alone() -> None:
    jobs = [job(), job(kind="duties", position=2, status="waiting")]
    shown = show_run(run(), jobs)
    assert shown["jobs"] == [show_job(each, run()) for each in jobs]
    assert [each["title"] for each in shown["jobs"]] == ["Användare", "Tjänstgöringar"]
    assert shown["requested_by"] == {"id": KEY, "name": "a key"}
    assert shown["activity"] == {"id": run()["activity_id"], "display_name": "Prov i matematik"}


def test_what_is_held_shows_the_pause_that_keeps_it_and_nothing_else_does() -> None:
    shown = show_run(run(**PAUSED), [job(status="succeeded"), job(status="held"), job(status="waiting")])
    pause = {"since": PAUSED["pause_since"], "reason": "Underhåll", "by": "operator"}
    assert shown["held"] == pause
    assert [each["held"] for each in shown["jobs"]] == [None, pause, None]
    # A batch of it is followed to its answer still.
    assert show_run(run(**{**PAUSED, "status": "running"}), [job()])["held"] is None


def test_a_job_shows_its_activity_and_what_kind_of_run_it_is_of() -> None:
    shown = show_job(job(), run())
    assert shown["activity"] == {"id": run()["activity_id"], "display_name": "Prov i matematik"}
    asked = {"requested_by": {"id": KEY, "name": "a key"}, "on_record_error": "halt"}
    assert shown["run"] == {"sequence": 1, "status": "running", "content_expired_at": None, **asked}


@pytest.mark.parametrize("changed", [{"version": 3}, {"activity_version": 8}])
def test_versions_grow_with_the_run_and_with_the_name_of_its_activity(changed: dict[str, int]) -> None:
    before, after = show_run(run(), [job()]), show_run(run(**changed), [job()])
    assert after["version"] == before["version"] + 1
    assert after["jobs"][0]["version"] == before["jobs"][0]["version"] + 1


def test_an_activity_counts_every_kind_and_shows_its_last_run() -> None:
    shown = show_activity(ACTIVITY, viewer())
    assert shown["roster"]["counts"] == {
        "persons": 4,
        "duties": 0,
        "groups": 0,
        "activities": 0,
    }
    assert shown["last_run"] is None
    last = show_activity({**ACTIVITY, **{f"run_{name}": value for name, value in run().items()}}, viewer())["last_run"]
    assert last == {name: run()[name] for name in last}
    assert last["id"] == run()["id"]


@pytest.mark.parametrize(
    "status", ["waiting", "queued", "running", "held", "succeeded", "failed", "blocked", "cancelled"]
)
def test_finished_is_what_changes_no_more_by_itself(status: str) -> None:
    assert is_job_finished(job(status=status)) is (status in FINISHED_JOB)
    assert is_run_finished(run(status=status)) is (status in FINISHED_RUN)
