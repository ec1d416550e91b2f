"""What the doctor looks at, as plain rows of one moment; `app/domain/diagnosis.py` says what they mean.

Only what is under way is read, over the partial indexes of live runs, jobs and batches: finished work costs nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.circuits import ServiceState, service_states
from app.db.engine import migrated
from app.db.sealed import SealedWith, sealed_with
from app.db.tasks import LEASE
from app.db.workers import SILENT_AFTER
from app.domain.diagnosis import IDLE_FOR, TOKEN_FAILED_WITHIN
from app.domain.situation import (
    ActivityQueue,
    FailingTasks,
    FailingWebhook,
    Job,
    Progress,
    Seen,
    Service,
    Session,
    Token,
    Unchained,
    WaitingErasure,
    Worker,
)
from app.domain.unusual_reading import KeyDay

T = TypeVar("T")

# Activity queues beyond so many are counted and not shown: those that look wrong come first.
MOST_LANES = 2000
# How long the server may take for each part; the client waits for twice as long.
PART_SECONDS = 5.0
# Programs whose names tell nothing of a person; of any other its process id must do.
_KNOWN = {"psql", "pg_dump", "pg_dumpall", "pg_basebackup"}

_LANES = """
    WITH under_way AS MATERIALIZED (
        SELECT organisation_id, activity_id, id, sequence, started_at, cancel_requested_at, pause_id FROM run
        WHERE status IN ('running', 'held')
    ), queued AS MATERIALIZED (
        SELECT organisation_id, activity_id, count(*) AS runs, min(sequence) AS first FROM run
        WHERE status = 'queued' GROUP BY organisation_id, activity_id
    ), queue AS MATERIALIZED (
        SELECT organisation_id, activity_id, under_way.id AS run_id, under_way.sequence, under_way.started_at,
            under_way.cancel_requested_at IS NOT NULL AS cancelling, pause_id, coalesce(queued.runs, 0) AS waiting,
            queued.first, live.*, count(*) OVER () AS queues
        FROM under_way FULL JOIN queued USING (organisation_id, activity_id)
        LEFT JOIN LATERAL (
            SELECT job.id AS job_id, kind, status, coalesce(due_at, :now) AS due_at, holder IS NOT NULL AS held,
                (SELECT worker FROM epoch WHERE epoch.id = holder) AS worker, attempt, worker_deaths, rests, rest_code,
                failed_at - tried_for AS fault_since, error ->> 'code' AS fault_code
            -- The OFFSET keeps this a look at four jobs a run: no plan may go over all live ones for each.
            FROM (SELECT * FROM job WHERE job.run_id = under_way.id OFFSET 0) job
            WHERE status IN ('queued', 'running', 'held') ORDER BY position LIMIT 1
        ) live ON true
        -- What looks wrong comes first: no job, due and not taken, faulty. What is held comes last.
        ORDER BY live.status IS NOT DISTINCT FROM 'held',
            NOT coalesce(live.fault_since IS NOT NULL OR (NOT live.held AND live.due_at < :now), true),
            live.due_at
        LIMIT :limit
    )
    SELECT queue.*, organisation.number, pause.since AS paused_since, pause.by AS paused_by,
        ahead.created_at AS waiting_since, before.finished_at AS free_since,
        coalesce(out.batches, 0) AS batches, out.oldest_batch_at, coalesce(out.polls, 0) AS polls
    FROM queue JOIN organisation ON organisation.id = queue.organisation_id
    LEFT JOIN LATERAL (SELECT since, by FROM pause WHERE pause.id = queue.pause_id OFFSET 0) pause ON true
    LEFT JOIN LATERAL (
        -- It is there. As the last one up to itself only the index of sequences has it.
        SELECT created_at FROM run WHERE run.organisation_id = queue.organisation_id
            AND run.activity_id = queue.activity_id AND run.sequence <= queue.first
        ORDER BY sequence DESC LIMIT 1
    ) ahead ON true
    LEFT JOIN LATERAL (
        SELECT finished_at FROM run WHERE queue.run_id IS NULL AND run.organisation_id = queue.organisation_id
            AND run.activity_id = queue.activity_id AND run.sequence < queue.first
        ORDER BY sequence DESC LIMIT 1
    ) before ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS batches, min(called_at) AS oldest_batch_at, max(batch.polls) AS polls FROM batch
        WHERE batch.job_id = queue.job_id AND batch.status IN ('written', 'called', 'accepted')
            AND batch.called_at IS NOT NULL
    ) out ON true
"""
# In the order of the index that has none but jobs under way: whoever looks twice sees the same ones.
# A claim of which nothing comes ends with the number of the wake-up for the next one; its own number counts nothing.
_PROGRESS = """
    SELECT job.id, wake_up AS claims, attempt AS faults, rests, total - pending - sent AS settled,
        coalesce(out.calls, 0)::int AS calls, coalesce(out.polls, 0)::int AS polls
    FROM (SELECT * FROM job WHERE status = 'running' ORDER BY organisation_id, kind LIMIT 500) job LEFT JOIN LATERAL (
        SELECT count(called_at) AS calls, sum(batch.polls) AS polls FROM batch
        WHERE batch.organisation_id = job.organisation_id AND batch.job_id = job.id
    ) out ON true
"""
_WORKERS = """
    SELECT worker.id, seen_at, ended_at IS NULL AND seen_at > :now - :silent AS alive, in_progress,
        count(held.job_id) AS held
    FROM worker LEFT JOIN (
        SELECT job.id AS job_id, epoch.worker FROM job JOIN epoch ON epoch.id = job.holder WHERE holder IS NOT NULL
    ) held ON held.worker = worker.id
    WHERE worker.id <> '00000000-0000-0000-0000-000000000000'
    GROUP BY worker.id ORDER BY seen_at DESC LIMIT 1000
"""
_TOKENS = """
    SELECT DISTINCT ON (number) number, failed_at, failure
    FROM access_token JOIN organisation ON organisation.id = access_token.organisation_id
    WHERE failure IS NOT NULL AND failed_at > :now - :lately AND (expires_at IS NULL OR expires_at < :now)
    ORDER BY number, failed_at DESC
"""
# A first failure or two are met with another try.
_TASKS = """
    SELECT kind, failure, count(*) AS tasks, max(failed_at) AS failed_at FROM task
    WHERE attempt > 2 AND failure IS NOT NULL GROUP BY kind, failure ORDER BY kind, failure LIMIT 100
"""
# The one of each organisation that was asked for first.
_ERASURES = """
    SELECT DISTINCT ON (number) number AS organisation, requested_at AS since, task.failure FROM erasure
    JOIN organisation ON organisation.id = erasure.organisation_id
    LEFT JOIN task ON task.kind = 'erase'
        AND task.key = concat_ws(' ', erasure.organisation_id, erasure.kind, erasure.object_id)
    WHERE erasure.erased_at IS NULL ORDER BY number, requested_at LIMIT 100
"""
_OLDEST_CONTENTS = """
    SELECT finished_at FROM run WHERE finished_at IS NOT NULL AND content_expired_at IS NULL
    ORDER BY finished_at, id LIMIT 1
"""
# Tried for more than half an hour.
_WEBHOOKS = """
    SELECT number AS organisation, webhook.id, late.* FROM webhook
    JOIN organisation ON organisation.id = webhook.organisation_id CROSS JOIN LATERAL (
        SELECT count(*) AS deliveries, min(created_at) AS since,
            (array_agg(failure ORDER BY tried_at DESC))[1] AS failure
        FROM (
            SELECT created_at, tried_at, failure FROM webhook_delivery
            WHERE webhook_id = webhook.id AND status = 'pending' AND attempts > 3 ORDER BY due_at LIMIT 1000
        ) tried
    ) late WHERE enabled AND deliveries > 0 ORDER BY number, webhook.id LIMIT 100
"""
_UNCHAINED = """
    SELECT count(*) AS rows, min(at) AS since FROM audit_unchained WHERE at < :now - interval '1 min'
    HAVING count(*) > 0
"""
# Of keys that were shown something today or yesterday.
_READINGS = """
    SELECT api_key.handle AS key, number AS organisation, reading.day, reading.objects, (
        SELECT min(first.day) FROM audit_reading first WHERE first.organisation_id = reading.organisation_id
            AND first.key_id = reading.key_id AND first.protected > 0
    ) AS protected_since
    FROM (
        SELECT DISTINCT organisation_id, key_id FROM audit_reading
        WHERE day >= CAST(:now AT TIME ZONE 'UTC' AS date) - 1 ORDER BY key_id LIMIT 1000
    ) recent
    JOIN audit_reading reading ON reading.organisation_id = recent.organisation_id AND reading.key_id = recent.key_id
        AND reading.day >= CAST(:now AT TIME ZONE 'UTC' AS date) - 30
    JOIN api_key ON api_key.id = reading.key_id
    JOIN organisation ON organisation.id = reading.organisation_id
"""
_PAUSES = """
    SELECT bucket, max(until) AS until FROM egress CROSS JOIN LATERAL (
        VALUES ('calls', calls_paused_until), ('reads', reads_paused_until)
    ) each (bucket, until) WHERE until > :now GROUP BY bucket ORDER BY bucket
"""
# Times that lie further ahead than their rules allow, by what has them; a little for what is written meanwhile. Where a
# job waits is bring_near's, which has the rules of all that a sweep mends.
_AHEAD = """
    SELECT what, count(*) AS times FROM (
        SELECT 'job', due_at FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
            AND due_at > :now + interval '21 minutes'
        UNION ALL
        SELECT 'batch', next_poll_at FROM (
            SELECT id FROM job WHERE status = 'running' ORDER BY organisation_id, kind LIMIT 500
        ) job CROSS JOIN LATERAL (
            SELECT next_poll_at FROM batch WHERE batch.job_id = job.id AND batch.status = 'accepted' OFFSET 0
        ) out WHERE next_poll_at > :now + interval '1 minute'
        UNION ALL
        SELECT 'egress', until FROM egress CROSS JOIN LATERAL (
            VALUES (calls_paused_until), (reads_paused_until)
        ) each (until) WHERE until > :now + interval '6 minutes'
        UNION ALL
        SELECT 'worker', seen_at FROM worker WHERE seen_at > :now + :silent
        UNION ALL
        SELECT 'task', leased_until FROM task WHERE leased_until > :now + 2 * CAST(:lease AS interval)
    ) each (what, until) GROUP BY what
"""
_HOLDERS = "SELECT egress, worker, began_at FROM epoch WHERE state = 'holds' ORDER BY egress"
_BARE = "SELECT number FROM organisation WHERE certificate_file IS NULL ORDER BY number LIMIT 1000"
# Roles of services and workers that no policy hinders: superusers, who pass them by, and whoever may act as the owner.
_UNHINDERED = """
    SELECT DISTINCT usename::text AS role FROM pg_stat_activity JOIN pg_roles ON rolname = usename
    WHERE datname = current_database() AND application_name ~ '^provkedja (api|worker)'
        AND (rolsuper OR rolbypassrls
            OR pg_has_role(usesysid, (SELECT relowner FROM pg_class WHERE oid = 'job'::regclass), 'MEMBER'))
    ORDER BY 1
"""
_SESSIONS = """
    SELECT activity.pid, application_name, xact_start AS open_since,
        CASE WHEN state LIKE 'idle in transaction%' THEN state_change END AS idle_since,
        waits.since AS waiting_since,
        CASE WHEN waits.since IS NOT NULL THEN pg_blocking_pids(activity.pid) ELSE '{}' END AS blocked_by,
        coalesce(held.tables, '{}') AS tables, coalesce(held.used, '{}') AS used, backend_xid IS NOT NULL AS writes
    FROM pg_stat_activity activity
    LEFT JOIN LATERAL (
        SELECT min(coalesce(waitstart, activity.state_change)) AS since FROM pg_locks
        WHERE pg_locks.pid = activity.pid AND NOT granted
    ) waits ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT relname::text ORDER BY relname::text) AS used,
            array_agg(DISTINCT relname::text ORDER BY relname::text) FILTER (WHERE mode <> 'AccessShareLock') AS tables
        FROM pg_locks JOIN pg_class ON pg_class.oid = pg_locks.relation
        WHERE pg_locks.pid = activity.pid AND granted AND relkind = 'r'
            AND relnamespace = current_schema()::regnamespace
            AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) held ON true
    WHERE activity.pid <> pg_backend_pid() AND (
        datname = current_database()
            AND (state LIKE 'idle in transaction%' OR wait_event_type = 'Lock' OR xact_start < :now - :open_for)
        -- In whatever database: numbers of transactions are the cluster's.
        OR backend_xid IS NOT NULL AND xact_start < :now - :open_for
    )
    ORDER BY activity.pid LIMIT 200
"""


async def look(conn: AsyncConnection, most: int = MOST_LANES) -> Seen:
    """Reads everything in one snapshot, each part within seconds or not at all; `conn` should be one that only reads.

    At most `most` activity queues are read. What could not be read is named in the answer. Sessions come first: who
    holds a lock may be why another part does not end.
    """
    await conn.execute(sa.text(f"SET LOCAL statement_timeout = '{PART_SECONDS:g}s'"))
    asked_at, here = time.monotonic(), datetime.now(UTC)
    now: datetime = (await conn.execute(sa.text("SELECT clock_timestamp()"))).scalar_one()
    round_trip = timedelta(seconds=time.monotonic() - asked_at)
    clock_ahead = now - (here + round_trip / 2)
    unread: list[str] = []

    async def part(name: str, read: Callable[[], Awaitable[T]], instead: T) -> T:
        try:
            async with asyncio.timeout(2 * PART_SECONDS), conn.begin_nested():
                return await read()
        except (SQLAlchemyError, TimeoutError):
            unread.append(name)
            return instead

    none: list[dict[str, Any]] = []
    sessions = await part("sessions", partial(_sessions, conn, now), list[Session]())
    if not await part("migrations", partial(migrated, conn), instead=True):
        return Seen(
            now=now,
            migrated=False,
            sessions=sessions,
            unread=unread,
            round_trip=round_trip,
            clock_ahead=clock_ahead,
        )
    queues = await part("queues", lambda: _rows(conn, _LANES, now=now, limit=most), none)
    workers = await part("workers", lambda: _rows(conn, _WORKERS, now=now, silent=SILENT_AFTER), none)
    services = await part("circuits", partial(service_states, conn), list[ServiceState]())
    tokens = await part("tokens", lambda: _rows(conn, _TOKENS, now=now, lately=TOKEN_FAILED_WITHIN), none)
    tasks = await part("tasks", lambda: _rows(conn, _TASKS), none)
    erasures = await part("erasures", lambda: _rows(conn, _ERASURES), none)
    oldest = await part("retention", lambda: _rows(conn, _OLDEST_CONTENTS), none)
    webhooks = await part("webhooks", lambda: _rows(conn, _WEBHOOKS), none)
    pauses = await part("egress", lambda: _rows(conn, _PAUSES, now=now), none)
    holders = await part("egress", lambda: _rows(conn, _HOLDERS), none)
    unchained = await part("audit", lambda: _rows(conn, _UNCHAINED, now=now), none)
    readings = await part("audit", lambda: _rows(conn, _READINGS, now=now), none)
    ahead = await part("times", lambda: _rows(conn, _AHEAD, now=now, silent=SILENT_AFTER, lease=LEASE), none)
    counted = await part("keys", partial(sealed_with, conn), list[SealedWith]())
    bare = await part("organisations", lambda: _rows(conn, _BARE), none)
    unhindered = await part("roles", lambda: _rows(conn, _UNHINDERED), none)
    return Seen(
        now=now,
        queues=[_queue(row) for row in queues],
        queues_in_all=queues[0]["queues"] if queues else 0,
        workers=[Worker(**row) for row in workers],
        last_heard_of=max((row["seen_at"] for row in workers), default=None),
        services=[
            Service(
                name=each.service,
                failures=each.failures,
                failing_since=each.failing_since,
                opened_at=each.opened_at,
                probe_at=each.probe_at,
                code=each.code,
            )
            for each in services
        ],
        tokens=[
            Token(organisation=row["number"], failed_at=row["failed_at"], failure=row["failure"]) for row in tokens
        ],
        tasks=[FailingTasks(**row) for row in tasks],
        erasures=[WaitingErasure(**row) for row in erasures],
        oldest_contents_at=oldest[0]["finished_at"] if oldest else None,
        webhooks=[FailingWebhook(**row) for row in webhooks],
        unchained=Unchained(**unchained[0]) if unchained else None,
        readings=[KeyDay(**row) for row in readings],
        pauses={row["bucket"]: row["until"] for row in pauses},
        holders={row["egress"]: row["worker"] for row in holders},
        sessions=sessions,
        round_trip=round_trip,
        clock_ahead=clock_ahead,
        far_ahead={row["what"]: row["times"] for row in ahead},
        without_certificate=[row["number"] for row in bare],
        unhindered=[row["role"] for row in unhindered],
        sealed={each.key: each.values for each in counted if each.keys == "encryption"},
        unread=unread,
    )


async def progress(conn: AsyncConnection) -> dict[UUID, Progress]:
    """Reads how far jobs are that somebody has begun, some hundred of them."""
    return {row.pop("id"): Progress(**row) for row in await _rows(conn, _PROGRESS)}


async def _sessions(conn: AsyncConnection, now: datetime) -> list[Session]:
    rows = await _rows(conn, _SESSIONS, now=now, open_for=IDLE_FOR)
    return [Session(program=_program(row.pop("application_name")), **row) for row in rows]


async def _rows(conn: AsyncConnection, query: str, **values: datetime | timedelta | int) -> list[dict[str, Any]]:
    return [dict(row) for row in (await conn.execute(sa.text(query), values)).mappings()]


def _queue(row: dict[str, Any]) -> ActivityQueue:
    job = None
    if row["job_id"] is not None:
        names = (
            "kind",
            "status",
            "due_at",
            "held",
            "worker",
            "attempt",
            "worker_deaths",
            "rests",
            "rest_code",
            "fault_since",
            "fault_code",
        )
        counted = ("batches", "oldest_batch_at", "polls")
        job = Job(id=row["job_id"], **{name: row[name] for name in (*names, *counted)})
    return ActivityQueue(
        organisation=row["number"],
        activity_id=row["activity_id"],
        run_id=row["run_id"],
        sequence=row["sequence"],
        started_at=row["started_at"],
        cancelling=bool(row["cancelling"]),
        paused_since=row["paused_since"],
        paused_by=row["paused_by"],
        job=job,
        waiting=row["waiting"],
        next_sequence=row["first"],
        waiting_since=row["waiting_since"],
        free_since=row["free_since"],
    )


def _program(name: str) -> str:
    return name if name.startswith("provkedja") or name in _KNOWN else "another program"
