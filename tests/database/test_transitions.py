"""Every pair of states, in raw SQL: the database has exactly the steps of the lifecycle."""

import psycopg
import pytest

from app.domain import lifecycle
from tests.database.seed_states import Names
from tests.database.statements import (
    BACK,
    CLAIM,
    DONE_1,
    GO_ON,
    HOLD,
    IN_FORCE,
    NOW,
    PAUSED,
    QUEUE,
    RECORD,
    START,
    WAIT,
    change,
    end,
    end_rest,
    end_run,
    refused,
    run,
)

_FINAL = {
    "run": {"succeeded"},
    "job": {"succeeded"},
    "record": {"unchanged", "succeeded", "warning"},
    "batch": {"answered", "refused", "lost"},
}


def _edges(*, allowed: bool) -> list[tuple[str, str, str]]:
    return [
        (kind, was, becomes)
        for kind, graph in lifecycle.GRAPHS.items()
        for was in graph
        for becomes in graph
        if was != becomes and (becomes in graph[was]) is allowed
    ]


@pytest.mark.parametrize(("kind", "was", "becomes"), _edges(allowed=False))
def test_a_step_that_the_lifecycle_lacks_is_refused(
    cursor: psycopg.Cursor, scenes: dict[str, Names], kind: str, was: str, becomes: str
) -> None:
    names = scenes[f"{kind}.{was}"]
    statement = change(kind, f"status = '{becomes}'")
    guard = f"{kind}_final" if was in _FINAL[kind] else f"{kind}_lifecycle"
    assert refused(cursor, statement, names) == guard


_AHEAD = "(SELECT ahead.id FROM run ahead JOIN run USING (activity_id) WHERE run.id = %(id)s AND ahead.sequence = 1)"
_FINISHED, _COMPLETED = f"finished_at = {NOW}", f"completed_at = {NOW}"

# (scene, what leads there, the row's name) for every step that the lifecycle has.
_ALLOWED: dict[tuple[str, str, str], tuple[str, list[str], str]] = {
    ("run", "queued", "running"): (
        "run.queued",
        [
            end_rest("cancelled").replace("%(id)s", _AHEAD),
            end_run("cancelled").replace("%(id)s", _AHEAD),
            START,
        ],
        "id",
    ),
    ("run", "queued", "cancelled"): ("run.queued", [end_rest("cancelled"), end_run("cancelled")], "id"),
    ("run", "running", "succeeded"): (
        "hollow",
        [
            *DONE_1,
            *(
                step
                for job in ("j2", "j3", "j4")
                for step in (QUEUE.format(job), CLAIM.format(job), end(job, "succeeded"))
            ),
            end_run("succeeded"),
        ],
        "id",
    ),
    ("run", "running", "failed"): (
        "hollow",
        [
            CLAIM.format("j1"),
            end("j1", "failed"),
            *(end(job, "blocked") for job in ("j2", "j3", "j4")),
            end_run("failed"),
        ],
        "id",
    ),
    ("run", "running", "cancelled"): ("hollow", [end_rest("cancelled"), end_run("cancelled")], "id"),
    ("run", "running", "held"): ("hollow", [IN_FORCE, PAUSED, HOLD], "id"),
    ("run", "held", "running"): ("hollow", [IN_FORCE, PAUSED, HOLD, GO_ON], "id"),
    ("run", "held", "cancelled"): (
        "hollow",
        [IN_FORCE, PAUSED, HOLD, end_rest("cancelled"), end_run("cancelled")],
        "id",
    ),
    ("run", "failed", "running"): ("run.failed", [START], "id"),
    ("run", "cancelled", "running"): ("run.cancelled", [START], "id"),
    ("job", "waiting", "queued"): ("hollow", [*DONE_1, QUEUE.format("j2")], "j2"),
    ("job", "waiting", "blocked"): ("hollow", [end("j2", "blocked")], "j2"),
    ("job", "waiting", "cancelled"): ("hollow", [end("j2", "cancelled")], "j2"),
    ("job", "queued", "running"): ("hollow", [CLAIM.format("j1")], "j1"),
    ("job", "queued", "cancelled"): ("hollow", [end("j1", "cancelled")], "j1"),
    ("job", "queued", "held"): ("hollow", [IN_FORCE, PAUSED, HOLD], "j1"),
    ("job", "held", "queued"): ("hollow", [IN_FORCE, PAUSED, HOLD, GO_ON], "j1"),
    ("job", "held", "cancelled"): ("hollow", [IN_FORCE, PAUSED, HOLD, end("j1", "cancelled")], "j1"),
    ("job", "running", "queued"): ("hollow", [CLAIM.format("j1"), BACK], "j1"),
    ("job", "running", "succeeded"): ("hollow", DONE_1, "j1"),
    ("job", "running", "failed"): ("hollow", [CLAIM.format("j1"), end("j1", "failed")], "j1"),
    ("job", "running", "cancelled"): ("hollow", [CLAIM.format("j1"), end("j1", "cancelled")], "j1"),
    ("job", "failed", "queued"): ("hollow", [CLAIM.format("j1"), end("j1", "failed"), QUEUE.format("j1")], "j1"),
    ("job", "failed", "waiting"): ("hollow", [CLAIM.format("j1"), end("j1", "failed"), WAIT.format("j1")], "j1"),
    ("job", "blocked", "queued"): ("hollow", [*DONE_1, end("j2", "blocked"), QUEUE.format("j2")], "j2"),
    ("job", "blocked", "waiting"): ("hollow", [end("j2", "blocked"), WAIT.format("j2")], "j2"),
    ("job", "cancelled", "queued"): ("hollow", [end("j1", "cancelled"), QUEUE.format("j1")], "j1"),
    ("job", "cancelled", "waiting"): ("hollow", [end("j1", "cancelled"), WAIT.format("j1")], "j1"),
    ("record", "pending", "sent"): ("record.pending", [change("record", "status = 'sent', sent = 'x'")], "id"),
    ("record", "pending", "unchanged"): (
        "record.pending",
        [change("record", f"status = 'unchanged', {_COMPLETED}")],
        "id",
    ),
    ("record", "pending", "error"): ("record.pending", [change("record", f"status = 'error', {_COMPLETED}")], "id"),
    ("record", "pending", "skipped"): ("record.pending", [change("record", f"status = 'skipped', {_COMPLETED}")], "id"),
    ("record", "sent", "pending"): ("record.sent", [change("record", "status = 'pending'")], "id"),
    **{
        ("record", "sent", answer): ("record.sent", [change("record", f"status = '{answer}', {_COMPLETED}")], "id")
        for answer in ("succeeded", "warning", "error")
    },
    **{
        ("record", was, "pending"): (
            f"record.{was}",
            [
                end("job", "failed"),
                WAIT.format("job"),
                f"UPDATE record SET status = 'pending', completed_at = NULL WHERE {RECORD}",
            ],
            "id",
        )
        for was in ("error", "skipped")
    },
    ("batch", "written", "called"): ("batch.written", [change("batch", f"status = 'called', called_at = {NOW}")], "id"),
    ("batch", "called", "written"): (
        "batch.called",
        [change("batch", "status = 'written', called_at = NULL")],
        "id",
    ),
    ("batch", "called", "accepted"): (
        "batch.called",
        [change("batch", f"status = 'accepted', remote_job_id = 'x', next_poll_at = {NOW}")],
        "id",
    ),
    ("batch", "called", "refused"): ("batch.called", [change("batch", f"status = 'refused', {_FINISHED}")], "id"),
    ("batch", "called", "lost"): ("batch.called", [change("batch", f"status = 'lost', {_FINISHED}")], "id"),
    **{
        ("batch", "accepted", answer): (
            "batch.accepted",
            [change("batch", f"status = '{answer}', next_poll_at = NULL, {_FINISHED}")],
            "id",
        )
        for answer in ("answered", "lost")
    },
}


@pytest.mark.parametrize(("kind", "was", "becomes"), _edges(allowed=True))
def test_a_step_that_the_lifecycle_has_is_allowed(
    cursor: psycopg.Cursor, scenes: dict[str, Names], kind: str, was: str, becomes: str
) -> None:
    scene, steps, name = _ALLOWED[kind, was, becomes]
    names = scenes[scene]
    where = f"object_id = %({name})s AND job_id = %(job)s" if kind == "record" else f"id = %({name})s"
    query = f"SELECT status FROM {kind} WHERE {where}".encode()
    for step in steps[:-1]:
        run(cursor, step, names)
    assert cursor.execute(query, names).fetchone() == (was,)
    run(cursor, steps[-1], names)
    assert cursor.execute(query, names).fetchone() == (becomes,)
