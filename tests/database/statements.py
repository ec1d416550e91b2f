"""Raw SQL for the tests of the database's own refusals; `%(name)s` are names of a scene in the seeded states."""

import psycopg
import pytest

from tests.database.seed_states import Names

# A write that repeats the claim under which its job is held.
FENCED = {
    "job": "fence = claim",
    "record": "fence = (SELECT claim FROM job WHERE job.id = record.job_id)",
    "batch": "fence = (SELECT claim FROM job WHERE job.id = batch.job_id)",
}

NOW = "clock_timestamp()"
# Somebody who may call.
A_HOLDER = "(SELECT id FROM epoch WHERE state = 'holds' LIMIT 1)"
CLAIM = (
    "UPDATE job SET status = 'running', claim = claim + 1, fence = claim,"
    f" holder = {A_HOLDER}, started_at = {NOW} WHERE id = %({{}})s"
)
QUEUE = f"UPDATE job SET status = 'queued', due_at = {NOW}, finished_at = NULL WHERE id = %({{}})s"
WAIT = "UPDATE job SET status = 'waiting', finished_at = NULL WHERE id = %({})s"
RECORD = "object_id = %(id)s AND job_id = %(job)s"


def end(job: str, status: str) -> str:
    """Ends a job, as its holder if it runs."""
    return (
        f"UPDATE job SET status = '{status}', finished_at = {NOW}, due_at = NULL, holder = NULL, fence = claim"
        f" WHERE id = %({job})s"
    )


def end_run(status: str) -> str:
    """Ends a run."""
    return f"UPDATE run SET status = '{status}', finished_at = {NOW}, pause_id = NULL WHERE id = %(id)s"


def end_rest(status: str) -> str:
    """Ends the jobs of a run that nobody holds."""
    return (
        f"UPDATE job SET status = '{status}', finished_at = {NOW}, due_at = NULL"
        " WHERE run_id = %(id)s AND status IN ('waiting', 'queued', 'held')"
    )


DONE_1 = [CLAIM.format("j1"), end("j1", "succeeded")]
START = f"UPDATE run SET status = 'running', started_at = {NOW}, finished_at = NULL WHERE id = %(id)s"


IN_FORCE = (
    "INSERT INTO pause (organisation_id, activity_id, by, made_by, reason)"
    " SELECT organisation_id, activity_id, 'operator', 'test', 'Prov' FROM run WHERE id = %(id)s"
)
# A job goes back to those that are due.
BACK = f"UPDATE job SET status = 'queued', due_at = {NOW}, holder = NULL, fence = claim WHERE id = %(j1)s"
PAUSED = (
    "UPDATE run SET pause_id = (SELECT pause.id FROM pause WHERE pause.activity_id = run.activity_id) WHERE id = %(id)s"
)
# A run and its job refer to the state of each other.
HOLD = (
    "WITH stops AS (UPDATE run SET status = 'held' WHERE id = %(id)s)"
    " UPDATE job SET status = 'held', due_at = NULL WHERE id = %(j1)s"
)
GO_ON = (
    "WITH goes_on AS (UPDATE run SET status = 'running' WHERE id = %(id)s)"
    f" UPDATE job SET status = 'queued', due_at = {NOW} WHERE id = %(j1)s"
)


def change(kind: str, changes: str) -> str:
    """Writes a row as the holder of its job would."""
    fenced = f"{changes}, {FENCED[kind]}" if kind in FENCED else changes
    return f"UPDATE {kind} SET {fenced} WHERE " + (RECORD if kind == "record" else "id = %(id)s")


def new_batch(job: str = "job", **other: str) -> str:
    """Writes down a batch as the holder of its job would, but for what is other."""
    values = {
        "id": "gen_random_uuid()",
        "organisation_id": f"(SELECT organisation_id FROM job WHERE id = %({job})s)",
        "job_id": f"%({job})s",
        "number": "99",
        "fence": f"(SELECT claim FROM job WHERE id = %({job})s)",
        "record_ids": "'{}'",
        "items": "'{}'",
        "request_digest": "sha256('x')",
        "request_bytes": "1",
        "request_sha256": "'x'",
        **other,
    }
    return f"INSERT INTO batch ({', '.join(values)}) SELECT {', '.join(values.values())}"


def new_record(job: str, **other: str) -> str:
    """Adds a record to a job, but for what is other."""
    values = {
        "organisation_id": "job.organisation_id",
        "job_id": "job.id",
        "object_id": "gen_random_uuid()",
        "run_id": "job.run_id",
        "kind": "job.kind",
        "ordinal": "99",
        "source": "'x'",
        "outgoing": "'x'",
        "upload": "1",
        "refs": "'{}'",
        "protected": "false",
        "sendable": "true",
        **other,
    }
    return f"INSERT INTO record ({', '.join(values)}) SELECT {', '.join(values.values())} FROM job WHERE id = %({job})s"


def run(cursor: psycopg.Cursor, statement: str, names: Names) -> None:
    """Carries a statement out, which must meet a row."""
    cursor.execute(statement.encode(), names)
    assert cursor.rowcount > 0, "the statement met no row"


def refused(cursor: psycopg.Cursor, statement: str, names: Names) -> str | None:
    """Expects a refusal, and gives the name of the guard or constraint."""
    with pytest.raises(psycopg.IntegrityError) as refusal:
        run(cursor, statement, names)
    return refusal.value.diag.constraint_name
