"""What must never be is refused by the database itself: the order of runs and jobs, ends, claims and their fence."""

import psycopg
import pytest

from app.domain import lifecycle
from tests.database.seed_states import Names
from tests.database.statements import (
    A_HOLDER,
    CLAIM,
    DONE_1,
    NOW,
    QUEUE,
    RECORD,
    START,
    change,
    end,
    end_run,
    refused,
    run,
)

_OLD_FENCE = {kind: f"fence = (SELECT claim - 1 FROM job WHERE job.id = {kind}.job_id)" for kind in ("record", "batch")}
_TAKE = f"UPDATE job SET status = 'running', claim = claim + {{}}, fence = claim, holder = {A_HOLDER}"
_FREE = "UPDATE job SET holder = NULL, fence = claim WHERE id = %(id)s"
_NOTHING_SENT = (
    "UPDATE record SET status = 'pending', fence = job.claim FROM job"
    " WHERE job.id = record.job_id AND job_id = %(job)s AND record.status = 'sent'"
)

# name of the case: (scene, guard or constraint, statements of which the last one is refused)
_REFUSALS: dict[str, tuple[str, str, list[str]]] = {
    # the order of a run's jobs, and of an activity queue's runs
    **{
        f"job {position} is queued before the one ahead has succeeded": (
            "hollow",
            "fk_job_after_succeeded",
            [QUEUE.format(f"j{position}")],
        )
        for position in (2, 3, 4)
    },
    "job 3 is queued when only job 1 has succeeded": (
        "hollow",
        "fk_job_after_succeeded",
        [*DONE_1, QUEUE.format("j3")],
    ),
    "a job is queued after one that failed": (
        "hollow",
        "fk_job_after_succeeded",
        [CLAIM.format("j1"), end("j1", "failed"), QUEUE.format("j2")],
    ),
    "a job is queued in a run that waits": (
        "queue",
        "fk_job_live_in_running_run",
        [QUEUE.format("second_job")],
    ),
    "a run starts while one is under way": (
        "queue",
        "run_order",
        [START.replace("%(id)s", "%(second)s")],
    ),
    "a run goes on while one is under way": (
        "queue",
        "uq_run_one_under_way",
        [START.replace("%(id)s", "%(cancelled)s")],
    ),
    "a run goes on though a later one exists": ("overtaken", "run_retry_latest", [START]),
    "a run succeeds before its jobs": ("hollow", "run_needs_jobs", [end_run("succeeded")]),
    "a run succeeds with three of its jobs": (
        "hollow",
        "run_needs_jobs",
        [
            *DONE_1,
            *(s for j in ("j2", "j3") for s in (QUEUE.format(j), CLAIM.format(j), end(j, "succeeded"))),
            end_run("succeeded"),
        ],
    ),
    "a run fails while a job is queued": ("hollow", "run_leaves_jobs", [end_run("failed")]),
    "a run is cancelled while a job runs": (
        "hollow",
        "run_leaves_jobs",
        [
            CLAIM.format("j1"),
            *(end(j, "cancelled") for j in ("j2", "j3", "j4")),
            end_run("cancelled"),
        ],
    ),
    "a run is born running": (
        "hollow",
        "run_starts_queued",
        [
            "INSERT INTO run (id, organisation_id, activity_id, sequence, status, started_at, on_record_error,"
            " requested_by_id, requested_by_name, roster_version) SELECT gen_random_uuid(), organisation_id,"
            f" activity_id, 99, 'running', {NOW}, 'halt', requested_by_id, 'x', 1 FROM run WHERE id = %(id)s"
        ],
    ),
    "two runs share a place in their activity queue": (
        "hollow",
        "uq_run_organisation_id_activity_id_sequence",
        [
            "INSERT INTO run (id, organisation_id, activity_id, sequence, on_record_error, requested_by_id,"
            " requested_by_name, roster_version) SELECT gen_random_uuid(), organisation_id, activity_id, sequence,"
            " 'halt', requested_by_id, 'x', 1 FROM run WHERE id = %(id)s"
        ],
    ),
    "a job is born queued": (
        "hollow",
        "job_starts_waiting",
        [
            "INSERT INTO job (id, organisation_id, activity_id, run_id, position, kind, status, due_at) SELECT"
            f" gen_random_uuid(), organisation_id, activity_id, run_id, 1, 'persons', 'queued', {NOW}"
            " FROM job WHERE id = %(j1)s"
        ],
    ),
    "a run has two first jobs": (
        "hollow",
        "uq_job_run_id_position",
        [
            "INSERT INTO job (id, organisation_id, activity_id, run_id, position, kind) SELECT"
            " gen_random_uuid(), organisation_id, activity_id, run_id, 1, 'persons' FROM job WHERE id = %(j1)s"
        ],
    ),
    # what has its end stays as it is
    "a run that succeeded changes": (
        "run.succeeded",
        "run_final",
        ["UPDATE run SET on_record_error = 'continue' WHERE id = %(id)s"],
    ),
    "a job that succeeded changes": (
        "job.succeeded",
        "job_final",
        ["UPDATE job SET attempt = attempt + 1, fence = claim WHERE id = %(id)s"],
    ),
    **{
        f"a record in {state} changes": (f"record.{state}", "record_final", [change("record", "attempts = 99")])
        for state in ("succeeded", "warning", "error", "skipped")
    },
    **{
        f"a record in {state} changes under an older claim": (
            f"record.{state}",
            "record_final",
            [f"UPDATE record SET received = 'x', {_OLD_FENCE['record']} WHERE {RECORD}"],
        )
        for state in ("succeeded", "warning", "error", "skipped")
    },
    **{
        f"a record in {state} is opened again while its job runs": (
            f"record.{state}",
            "record_final",
            [change("record", "status = 'pending', completed_at = NULL")],
        )
        for state in ("error", "skipped")
    },
    **{
        f"a batch that was {state} changes": (f"batch.{state}", "batch_final", [change("batch", "polls = 99")])
        for state in ("answered", "refused", "lost")
    },
    **{
        f"a {kind} of state {state} is deleted": (
            f"{kind}.{state}",
            "history",
            [f"DELETE FROM {kind} WHERE id = %(id)s"],
        )
        for kind, states in (("run", lifecycle.RUN), ("job", lifecycle.JOB))
        for state in states
    },
    **{
        f"the history of a run is {how}": ("run.succeeded", "history", [f"{statement} WHERE run_id = %(id)s"])
        for how, statement in {"deleted": "DELETE FROM event", "changed": "UPDATE event SET claim = 99"}.items()
    },
    # the fence
    **{
        f"a running job is written {how}": (
            "job.running",
            "job_fence",
            [f"UPDATE job SET attempt = 99, fence = {fence} WHERE id = %(id)s"],
        )
        for how, fence in {
            "without a claim": "NULL",
            "under an older one": "claim - 1",
            "under one to come": "claim + 1",
        }.items()
    },
    **{
        f"a {kind} is written {how}": (
            scene,
            "claim_fence",
            [
                f"UPDATE {kind} SET {change}, fence = (SELECT {fence} FROM job WHERE job.id = {kind}.job_id) WHERE "
                + (RECORD if kind == "record" else "id = %(id)s")
            ],
        )
        for kind, scene, change in (
            ("record", "record.sent", "attempts = 99"),
            ("batch", "batch.accepted", "polls = 99"),
        )
        for how, fence in {
            "without a claim": "NULL::bigint",
            "under an older one": "claim - 1",
            "under one to come": "claim + 1",
        }.items()
    },
    "a record is written whose job waits": (
        "job.waiting",
        "claim_fence",
        ["UPDATE record SET attempts = 99, fence = 0 WHERE job_id = %(id)s"],
    ),
    "a record is written whose job is queued": (
        "job.queued",
        "claim_fence",
        ["UPDATE record SET attempts = 99, fence = 0 WHERE job_id = %(id)s"],
    ),
    # claims
    "a claim goes down": ("job.running", "job_claim", [_FREE, _TAKE.format(-1) + " WHERE id = %(id)s"]),
    "a claim without a start": ("job.queued", "job_claim", ["UPDATE job SET claim = claim + 1 WHERE id = %(id)s"]),
    "a start without a claim": ("job.queued", "job_claim", ["UPDATE job SET status = 'running' WHERE id = %(id)s"]),
    "a claim of what somebody holds": ("job.running", "job_held", [_TAKE.format(1) + " WHERE id = %(id)s"]),
    "a claim for nobody": (
        "job.queued",
        "job_holder",
        ["UPDATE job SET status = 'running', claim = claim + 1 WHERE id = %(id)s"],
    ),
    "a claim for somebody who has ended": (
        "job.queued",
        "job_holder",
        [
            "UPDATE epoch SET state = 'ended', ended_at = now()",
            _TAKE.format(1).replace("'holds'", "'ended'") + " WHERE id = %(id)s",
        ],
    ),
    # a job's end
    **{
        f"a job ends as {outcome} with a record that is sent": (
            "record.sent",
            "job_leaves_records",
            [end("job", outcome)],
        )
        for outcome in ("succeeded", "failed", "cancelled")
    },
    "a job succeeds with a record that is pending": (
        "record.pending",
        "job_leaves_records",
        [end("job", "succeeded")],
    ),
    **{
        f"a job ends with a batch that is {state}": (
            f"batch.{state}",
            "job_leaves_batches",
            [_NOTHING_SENT, end("job", "failed")],
        )
        for state in ("written", "called", "accepted")
    },
}


@pytest.mark.parametrize("case", _REFUSALS)
def test_the_database_refuses(cursor: psycopg.Cursor, scenes: dict[str, Names], case: str) -> None:
    scene, guard, statements = _REFUSALS[case]
    for statement in statements[:-1]:
        run(cursor, statement, scenes[scene])
    assert refused(cursor, statements[-1], scenes[scene]) == guard


def test_a_claim_of_what_was_taken_over_is_allowed(cursor: psycopg.Cursor, scenes: dict[str, Names]) -> None:
    """The counterpart of the refused claims: a higher number, once nobody holds it."""
    run(cursor, _FREE, scenes["job.running"])
    run(cursor, _TAKE.format(1) + " WHERE id = %(id)s", scenes["job.running"])


@pytest.mark.parametrize(
    ("scene", "statement"),
    [
        ("job.running", "UPDATE job SET attempt = 99, fence = claim WHERE id = %(id)s RETURNING fence"),
        ("record.sent", change("record", "attempts = 99") + " RETURNING fence"),
        ("batch.accepted", change("batch", "polls = 99") + " RETURNING fence"),
    ],
)
def test_a_fence_is_used_once(cursor: psycopg.Cursor, scenes: dict[str, Names], scene: str, statement: str) -> None:
    """Were it kept, the next write would pass without repeating it."""
    run(cursor, statement, scenes[scene])
    assert cursor.fetchone() == (None,)


def test_a_succeeded_job_cannot_be_deleted_from_under_the_next_one(
    cursor: psycopg.Cursor, scenes: dict[str, Names]
) -> None:
    """Were it no history, the foreign key would hold the job ahead in its place."""
    cursor.execute("ALTER TABLE job DISABLE TRIGGER job_kept")
    for step in (*DONE_1, QUEUE.format("j2")):
        run(cursor, step, scenes["hollow"])
    assert refused(cursor, "DELETE FROM job WHERE id = %(j1)s", scenes["hollow"]) == "fk_job_after_succeeded"


@pytest.mark.parametrize("table", ["run", "job", "record", "batch"])
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_what_the_guards_watch_over_is_not_written_with_an_older_view(
    cursor: psycopg.Cursor, table: str, level: str
) -> None:
    """A snapshot from before would hide from them what others have committed."""
    cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
    assert refused(cursor, f"UPDATE {table} SET status = status WHERE false", {}) == "isolation"
