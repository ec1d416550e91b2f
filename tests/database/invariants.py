"""The promises as SQL: each query gives the rows that break one, and gives none while it holds.

The first group is what the schema keeps against everybody; the second is what the engine keeps besides.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_HELD_BY_THE_SCHEMA: Final[Mapping[str, str]] = {
    "never early: a job is past its gate only after the one ahead": """
        SELECT job.id FROM job LEFT JOIN job ahead
            ON ahead.run_id = job.run_id AND ahead.position = job.position - 1 AND ahead.status = 'succeeded'
        WHERE job.position > 1 AND job.status IN ('queued', 'running', 'held', 'succeeded', 'failed')
            AND ahead.id IS NULL
    """,
    "a succeeded job leaves no record open": """
        SELECT job.id FROM job JOIN record ON record.organisation_id = job.organisation_id AND record.job_id = job.id
        WHERE job.status = 'succeeded' AND record.status IN ('pending', 'sent')
    """,
    "one run of an activity at a time": """
        SELECT run.id FROM run JOIN run other
            ON other.organisation_id = run.organisation_id AND other.activity_id = run.activity_id
        WHERE run.status IN ('running', 'held') AND other.status IN ('running', 'held') AND other.id <> run.id
    """,
    "a live job belongs to a running run": """
        SELECT job.id FROM job JOIN run ON run.id = job.run_id
        WHERE job.status IN ('queued', 'running') AND run.status <> 'running'
    """,
    "a held job belongs to a held run": """
        SELECT job.id FROM job JOIN run ON run.id = job.run_id WHERE job.status = 'held' AND run.status <> 'held'
    """,
    "a held run is held by a pause": """
        SELECT run.id FROM run WHERE (run.status = 'held' AND run.pause_id IS NULL)
            OR (run.pause_id IS NOT NULL AND run.status NOT IN ('running', 'held'))
    """,
    "a run succeeds with its four jobs": """
        SELECT run.id FROM run WHERE run.status = 'succeeded'
            AND (SELECT count(*) FROM job WHERE job.run_id = run.id AND job.status = 'succeeded') <> 4
    """,
    "no record is sent in a job that is not running": """
        SELECT record.object_id FROM record JOIN job ON job.id = record.job_id
        WHERE record.status = 'sent' AND job.status <> 'running'
    """,
    "no batch is out in a job that is not running": """
        SELECT batch.id FROM batch JOIN job ON job.id = batch.job_id
        WHERE batch.status IN ('written', 'called', 'accepted') AND job.status <> 'running'
    """,
    "the history of a job or run has every change of its state": """
        SELECT coalesce(job_id, run_id) FROM (
            SELECT event.*, lag(to_status) OVER each AS was, lead(event.id) OVER each IS NULL AS latest,
                coalesce(job.status, run.status) AS now
            FROM event JOIN run ON run.id = event.run_id LEFT JOIN job ON job.id = event.job_id
            WINDOW each AS (PARTITION BY event.run_id, event.job_id ORDER BY event.id)
        ) told
        WHERE from_status IS DISTINCT FROM was OR (latest AND to_status <> now)
        UNION ALL
        SELECT id FROM run WHERE NOT EXISTS (SELECT FROM event WHERE event.run_id = run.id AND event.job_id IS NULL)
        UNION ALL
        SELECT id FROM job
        WHERE NOT EXISTS (SELECT FROM event WHERE event.run_id = job.run_id AND event.job_id = job.id)
    """,
}

_HELD_BY_THE_ENGINE: Final[Mapping[str, str]] = {
    "in order: runs of an activity start as they were accepted": """
        SELECT later.id FROM run later JOIN run ahead
            ON ahead.organisation_id = later.organisation_id AND ahead.activity_id = later.activity_id
            AND ahead.sequence < later.sequence
        WHERE later.started_at <= ahead.started_at
            OR (later.started_at IS NOT NULL AND ahead.status IN ('queued', 'running', 'held'))
    """,
    "never lost: a running run has one live job": """
        SELECT run.id FROM run WHERE run.status = 'running'
            AND (SELECT count(*) FROM job WHERE job.run_id = run.id AND job.status IN ('queued', 'running')) <> 1
    """,
    "never lost: a held run has one held job, its first that is unfinished, and no live one": """
        SELECT run.id FROM run WHERE run.status = 'held' AND (
            SELECT array_agg(job.status ORDER BY position) FROM job
            WHERE job.run_id = run.id AND job.status <> 'succeeded'
        ) IS DISTINCT FROM (
            SELECT array_agg(CASE position WHEN first THEN 'held' ELSE 'waiting' END ORDER BY position)
            FROM job CROSS JOIN LATERAL (
                SELECT min(position) AS first FROM job WHERE job.run_id = run.id AND job.status <> 'succeeded'
            ) unfinished WHERE job.run_id = run.id AND position >= first
        )
    """,
    "a run under way knows the pause that keeps it, and no other": """
        SELECT run.id FROM run WHERE run.status IN ('running', 'held')
            AND run.pause_id IS DISTINCT FROM pause_of(run.organisation_id, run.activity_id)
    """,
    "of a paused run no job is queued: what is due is held": """
        SELECT run.id FROM run JOIN job ON job.run_id = run.id
        WHERE run.pause_id IS NOT NULL AND job.status = 'queued'
    """,
    "never lost: a waiting run is whole, and behind one that runs": """
        SELECT run.id FROM run WHERE run.status = 'queued' AND (
            (SELECT count(*) FROM job WHERE job.run_id = run.id AND job.status = 'waiting') <> 4
            OR NOT EXISTS (
                SELECT FROM run ahead WHERE ahead.organisation_id = run.organisation_id
                    AND ahead.activity_id = run.activity_id AND ahead.status IN ('running', 'held')
            )
        )
    """,
    "never lost: a live job is due soon, and held by nobody who has ended": """
        SELECT job.id FROM job WHERE job.status IN ('queued', 'running') AND (
            job.due_at IS NULL OR job.due_at > clock_timestamp() + interval '21 minutes'
            OR (SELECT state FROM epoch WHERE epoch.id = job.holder) = 'ended'
        )
    """,
    "an ended run has no job to come": """
        SELECT run.id FROM run JOIN job ON job.run_id = run.id
        WHERE run.status IN ('succeeded', 'failed', 'cancelled')
            AND job.status IN ('waiting', 'queued', 'running', 'held')
    """,
    "a record is sent in a batch that is out": """
        SELECT record.object_id FROM record LEFT JOIN batch ON batch.id = record.batch_id
            AND batch.job_id = record.job_id AND batch.status IN ('written', 'called', 'accepted')
            AND record.object_id = ANY (batch.record_ids)
        WHERE record.status = 'sent' AND batch.id IS NULL
    """,
    "never older over newer: what was accepted last of an object is of its latest upload that ever was": """
        SELECT object.id FROM object JOIN record ON record.organisation_id = object.organisation_id
            AND record.kind = object.kind AND record.object_id = object.id
        WHERE record.status IN ('succeeded', 'warning')
        GROUP BY object.organisation_id, object.kind, object.id
        HAVING max(record.upload) <> object.accepted_upload
    """,
    "whatever was accepted is known of its object": """
        SELECT record.object_id FROM record LEFT JOIN object ON object.organisation_id = record.organisation_id
            AND object.kind = record.kind AND object.id = record.object_id
        WHERE record.status IN ('succeeded', 'warning') AND object.id IS NULL
    """,
    "an object is in one call at a time": """
        SELECT object_id FROM (
            SELECT batch.organisation_id, job.kind, job.id, unnest(batch.record_ids) FROM batch JOIN job
                ON job.id = batch.job_id
            WHERE batch.status IN ('called', 'accepted')
        ) out (organisation_id, kind, job_id, object_id)
        GROUP BY organisation_id, kind, object_id HAVING count(DISTINCT job_id) > 1
    """,
    "the counts of a job are those of its records, at any time": """
        SELECT job.id FROM job LEFT JOIN record
            ON record.organisation_id = job.organisation_id AND record.job_id = job.id
        GROUP BY job.id HAVING (
            job.total, job.pending, job.sent, job.unchanged, job.succeeded, job.warnings, job.errors, job.skipped
        ) <> (
            count(record.status), count(*) FILTER (WHERE record.status = 'pending'),
            count(*) FILTER (WHERE record.status = 'sent'), count(*) FILTER (WHERE record.status = 'unchanged'),
            count(*) FILTER (WHERE record.status = 'succeeded'), count(*) FILTER (WHERE record.status = 'warning'),
            count(*) FILTER (WHERE record.status = 'error'), count(*) FILTER (WHERE record.status = 'skipped')
        )
    """,
}


def _all(queries: Mapping[str, str]) -> str:
    return " UNION ALL ".join(
        f"SELECT '{promise}' AS promise, CAST(id AS text) AS id FROM ({query}) AS broken (id)"
        for promise, query in queries.items()
    )


# Each gives (promise, id) for every row that breaks one.
SCHEMA_BROKEN: Final = _all(_HELD_BY_THE_SCHEMA)
BROKEN: Final = _all({**_HELD_BY_THE_SCHEMA, **_HELD_BY_THE_ENGINE})

# What may change no more: (kind, ids, a digest of the row) for each row with its final answer.
FINAL: Final = """
    SELECT 'run' AS kind, CAST(run.id AS text) AS id, md5(CAST(run AS text)) AS digest FROM run
    WHERE status = 'succeeded'
    UNION ALL
    SELECT 'job', CAST(job.id AS text), md5(CAST(job AS text)) FROM job WHERE status = 'succeeded'
    UNION ALL
    SELECT 'record', job_id || ' ' || object_id, md5(CAST(record AS text)) FROM record
    WHERE status IN ('succeeded', 'warning')
    UNION ALL
    SELECT 'batch', CAST(batch.id AS text), md5(CAST(batch AS text)) FROM batch
    WHERE status IN ('answered', 'refused', 'lost')
"""


def changed(before: Sequence[Any], after: Sequence[Any]) -> set[tuple[str, str]]:
    """Gives what was final before and is gone or another now, from two answers to FINAL."""
    left = {tuple(row) for row in before} - {tuple(row) for row in after}
    return {(kind, row_id) for kind, row_id, _ in left}
