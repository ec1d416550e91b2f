"""Fills a migrated database with some years of work, as it would lie there: nearly all finished, a few thousand live.

Rows are written by whole sets with the triggers off, so that they take minutes and not days; what the triggers would
refuse is not written all the same. Ids are scattered, as random ones are, and known from their numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

RUNS_A_LANE = 50
ORGANISATIONS = 200
# Records of a large roster in each stage, and of the one that is under way where the calls look.
LARGE = 3000
BUSY = 50_000
_ROSTER = 20
_LARGE_ROSTERS = 20
# So many deliveries wait for one endpoint, which is away; and so many are older than any is kept.
DELIVERIES_DUE = 5000
FILLED = (
    "content",
    "roster",
    "activity",
    "roster_item",
    "finding",
    "run",
    "job",
    "record",
    "batch",
    "event",
    "at_target",
    "object",
    "protected_object",
    "idempotency_key",
    "webhook",
    "webhook_delivery",
)


@dataclass(frozen=True)
class Size:
    """How much there is; ids of one prefix are others than those of another."""

    prefix: str
    queues: int
    runs: int
    organisations: int
    small: int
    large_every: int
    live_every: int
    keys: int
    large_rosters: int = _LARGE_ROSTERS
    large: int = LARGE
    busy_size: int = BUSY

    @classmethod
    def of(cls, jobs: int, records: int, *, large: int = LARGE, busy_size: int = BUSY) -> "Size":
        """Plans for about so many: a fifth of the records in large rosters, four fifths of all in one organisation.

        A large roster has `large` objects of each kind, that of the busiest run `busy_size`.
        """
        queues = max(40, jobs // 4 // RUNS_A_LANE)
        runs = queues * RUNS_A_LANE
        return cls(
            prefix="",
            queues=queues,
            runs=runs,
            organisations=min(ORGANISATIONS, queues // 4),
            small=max(1, records * 4 // 5 // (runs * 4)),
            large_every=max(7, runs * large * 4 // (records // 5)),
            live_every=2,
            keys=max(1000, jobs // 20),
            large=large,
            busy_size=busy_size,
        )

    @property
    def busy(self) -> int:
        """Gives the number of a large run whose last stage is queued, in the largest organisation."""
        return self.runs - self.queues + 2

    @property
    def live(self) -> int:
        """Gives about how many runs are under way or wait."""
        return self.queues // self.live_every * 4 // 3

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Gives what the statements below are filled in with."""
        return {
            **vars(self),
            "busy": self.busy,
            "roster": _ROSTER,
            "deliveries_due": DELIVERIES_DUE if self.organisations > 1 else 5,
            "extra": self.runs + self.queues // (self.live_every * 3),
        }


# What there was when Postgres last looked: fifteen activities of one organisation, all of them under way, which make
# sixty jobs. At less than fifty rows it doesn't look by itself.
SEED = Size("seed ", 15, 15, 1, 5, 1000, 1, 15, 0, large=5, busy_size=5)

_TENANTS = """
INSERT INTO organisation (id, number, name, salt, digest_key, last_upload)
SELECT md5(%(prefix)s || 'organisation ' || n)::uuid,
    CASE %(prefix)s WHEN '' THEN '3' ELSE '4' END || lpad(n::text, 9, '0'), 'Benchmark',
    sha256((%(prefix)s || 'organisation ' || n)::bytea), '\\x0162', %(queues)s
FROM generate_series(1, %(organisations)s) n
ON CONFLICT DO NOTHING;

-- The first one has a second key, with which next to nothing was done.
INSERT INTO api_key (id, organisation_id, name, handle, digest, scopes)
SELECT md5(%(prefix)s || 'key ' || n)::uuid, md5(%(prefix)s || 'organisation ' || greatest(n, 1))::uuid, 'benchmark',
    %(prefix)s || 'handle ' || n, '\\x00', '{provision,history}'
FROM generate_series(0, %(organisations)s) n;

INSERT INTO session (digest, organisation_id, api_key_id, seen_at)
SELECT sha256((%(prefix)s || 'session ' || n)::bytea), md5(%(prefix)s || 'organisation 1')::uuid,
    md5(%(prefix)s || 'key 1')::uuid, clock_timestamp() - n * interval '1 s'
FROM generate_series(1, 10000) n;

CREATE TEMP TABLE queue AS
SELECT n AS number, md5(%(prefix)s || 'activity ' || n)::uuid AS id,
    CASE WHEN n <= %(queues)s * 4 / 5 OR %(organisations)s = 1 THEN 1
        ELSE 2 + n %% (%(organisations)s - 1) END AS owner,
    CASE WHEN n = 2 THEN %(busy_size)s WHEN n %% 2 = 0 AND n <= %(large_rosters)s * 2 THEN %(large)s
        ELSE %(roster)s END AS size
FROM generate_series(1, %(queues)s) n;

INSERT INTO roster (organisation_id, id, activity_id, version, upload)
SELECT md5(%(prefix)s || 'organisation ' || owner)::uuid, md5(%(prefix)s || 'roster ' || number)::uuid, id, 1, number
FROM queue;

INSERT INTO activity (organisation_id, id, display_name_sealed, roster_id, counts, last_sequence, created_at)
SELECT md5(%(prefix)s || 'organisation ' || owner)::uuid, id, '\\x0162',
    md5(%(prefix)s || 'roster ' || number)::uuid,
    jsonb_build_object('persons', size, 'duties', size, 'groups', size, 'activities', size),
    %(runs)s / %(queues)s + (number %% (%(live_every)s * 3) = 0)::int,
    now() - interval '3 years' + number * interval '1 hour'
FROM queue;
"""

_CONTENTS = """
INSERT INTO content (organisation_id, digest, kind, object_id, sealed, words)
SELECT md5(%(prefix)s || 'organisation ' || owner)::uuid,
    sha256((%(prefix)s || 'object ' || number || '.' || p || '.' || i)::bytea), kind,
    md5(%(prefix)s || 'object ' || number || '.' || p || '.' || i)::uuid, decode(repeat(md5(i::text), 6), 'hex'),
    -- a name that one in a thousand has, its beginning that one in fifty has, and one in a hundred thousand
    ARRAY[i %% 1000, 1000 + i %% 50, 2000 + (number * 50000 + i) %% 100000]
FROM queue, unnest(ARRAY['persons', 'duties', 'groups', 'activities']) WITH ORDINALITY AS stages (kind, p),
    generate_series(1, size) i;
"""

_OBJECTS = """
INSERT INTO roster_item (organisation_id, roster_id, kind, object_id, ordinal, source, outgoing, upload, refs,
    protected, sendable, issues, role, school_year, school_unit)
SELECT md5(%(prefix)s || 'organisation ' || owner)::uuid, md5(%(prefix)s || 'roster ' || number)::uuid, kind,
    md5(%(prefix)s || 'object ' || number || '.' || p || '.' || i)::uuid, i - 1,
    sha256((%(prefix)s || 'object ' || number || '.' || p || '.' || i)::bytea),
    sha256((%(prefix)s || 'object ' || number || '.' || p || '.' || i)::bytea), number, '{}',
    kind = 'persons' AND i %% 97 = 0,
    i %% 211 <> 0,
    CASE WHEN i %% 53 = 0 THEN '[{"pointer": "/x", "code": "pattern", "severity": "warning"}]'::jsonb END,
    CASE WHEN kind = 'persons' THEN CASE WHEN i %% 20 = 0 THEN 'Personal' ELSE 'Elev' END END,
    CASE WHEN kind = 'persons' AND i %% 20 <> 0 THEN i %% 10 END, md5(%(prefix)s || 'school unit ' || i %% 60)::uuid
FROM queue, unnest(ARRAY['persons', 'duties', 'groups', 'activities']) WITH ORDINALITY AS stages (kind, p),
    generate_series(1, size) i;

INSERT INTO finding (organisation_id, roster_id, kind, ordinal, origin, number, object_id, code, severity, pointer)
SELECT md5(%(prefix)s || 'organisation ' || owner)::uuid, md5(%(prefix)s || 'roster ' || number)::uuid, kind, i - 1,
    'object', 1, md5(%(prefix)s || 'object ' || number || '.' || p || '.' || i)::uuid, 'schema_format', 'warning', '/id'
FROM queue, unnest(ARRAY['persons', 'duties', 'groups', 'activities']) WITH ORDINALITY AS stages (kind, p),
    generate_series(1, size) i
WHERE i %% 53 = 0;

INSERT INTO object (organisation_id, kind, id, accepted, accepted_upload, accepted_job_id, accepted_at)
SELECT md5(%(prefix)s || 'organisation ' || owner)::uuid, kind,
    md5(%(prefix)s || 'object ' || number || '.' || p || '.' || i)::uuid,
    sha256((%(prefix)s || 'object ' || number || '.' || p || '.' || i)::bytea), number,
    md5(%(prefix)s || 'job ' || number || '.' || p)::uuid, now()
FROM queue, unnest(ARRAY['persons', 'duties', 'groups', 'activities']) WITH ORDINALITY AS stages (kind, p),
    generate_series(1, size) i;

INSERT INTO protected_object (organisation_id, object_id, kind)
SELECT organisation_id, object_id, kind FROM roster_item WHERE protected ON CONFLICT DO NOTHING;
"""

_RUNS = """
-- The last run of every other queue is under way; behind some of them another one waits.
CREATE TEMP TABLE shape AS
SELECT n AS number, queue.number AS queue, queue.id AS activity_id, queue.owner,
    md5(%(prefix)s || 'organisation ' || queue.owner)::uuid AS organisation_id,
    md5(%(prefix)s || 'run ' || n)::uuid AS id,
    CASE WHEN n <= %(runs)s THEN (n - 1) / %(queues)s + 1 ELSE %(runs)s / %(queues)s + 1 END AS sequence,
    CASE WHEN n > %(runs)s THEN 'queued'
        WHEN n > %(runs)s - %(queues)s AND queue.number %% %(live_every)s = 0 THEN 'running'
        WHEN n %% 20 = 7 THEN 'failed' WHEN n %% 50 = 3 THEN 'cancelled' ELSE 'succeeded' END AS status,
    CASE WHEN n = %(busy)s THEN 4 ELSE 1 + n / 2 %% 4 END AS live_position,
    CASE WHEN n = %(busy)s THEN %(busy_size)s WHEN n %% %(large_every)s = 0 THEN %(large)s ELSE %(small)s END AS size,
    now() - (%(extra)s - n + 1) * (interval '2 years' / %(extra)s) AS created_at
FROM generate_series(1, %(extra)s) n
JOIN queue ON queue.number = CASE WHEN n <= %(runs)s THEN (n - 1) %% %(queues)s + 1
    ELSE (n - %(runs)s) * %(live_every)s * 3 END
ORDER BY n;

INSERT INTO run (id, organisation_id, activity_id, sequence, status, on_record_error, requested_by_id,
    requested_by_name, roster_version, created_at, started_at, finished_at, outcome)
SELECT id, organisation_id, activity_id, sequence, status, CASE WHEN number %% 2 = 0 THEN 'continue' ELSE 'halt' END,
    md5(%(prefix)s || 'key ' || CASE WHEN number = 1 THEN 0 ELSE owner END)::uuid, 'benchmark', 1, created_at,
    CASE WHEN status <> 'queued' THEN created_at END,
    CASE WHEN status NOT IN ('queued', 'running') THEN created_at + interval '10 minutes' END,
    CASE status WHEN 'succeeded' THEN CASE WHEN number %% 3 = 0 THEN 'with_warnings' ELSE 'clean' END
        WHEN 'failed' THEN 'with_errors' WHEN 'cancelled' THEN 'with_errors' END
FROM shape;

CREATE TEMP TABLE work AS
SELECT shape.*, md5(%(prefix)s || 'job ' || number || '.' || p)::uuid AS job_id, p::smallint AS position, kind,
    CASE shape.status
        WHEN 'succeeded' THEN 'succeeded'
        WHEN 'failed' THEN CASE p WHEN 1 THEN 'succeeded' WHEN 2 THEN 'failed' ELSE 'blocked' END
        WHEN 'cancelled' THEN CASE p WHEN 1 THEN 'succeeded' ELSE 'cancelled' END
        WHEN 'queued' THEN 'waiting'
        ELSE CASE WHEN p < live_position THEN 'succeeded' WHEN p > live_position THEN 'waiting'
            WHEN number = %(busy)s OR queue / 2 %% 10 < 2 THEN 'queued' ELSE 'running' END
    END AS job_status
FROM shape, unnest(ARRAY['persons', 'duties', 'groups', 'activities']) WITH ORDINALITY AS stages (kind, p);

-- Of ten live jobs two are queued, two held, one is held by an epoch that has ended, five rest: two of these are due.
INSERT INTO egress (name) VALUES ('elsewhere') ON CONFLICT DO NOTHING;
INSERT INTO epoch (id, egress, number, worker, state, ended_at) VALUES
    (md5('dead')::uuid, 'elsewhere', 1, md5('dead worker')::uuid, 'ended', now()),
    (md5('alive')::uuid, 'elsewhere', 2, md5('worker')::uuid, 'holds', NULL) ON CONFLICT DO NOTHING;
INSERT INTO job (id, organisation_id, activity_id, run_id, position, kind, status, due_at, claim, holder,
    wake_up, notified_at, created_at, started_at, finished_at, total, pending, succeeded)
SELECT job_id, organisation_id, activity_id, id, position, kind, job_status,
    CASE job_status WHEN 'queued' THEN now() - interval '10 s'
        WHEN 'running' THEN now()
            + CASE WHEN queue / 2 %% 10 < 7 THEN -1 ELSE 1 END * interval '1 s' * (1 + queue %% 60)
    END,
    CASE WHEN job_status IN ('waiting', 'queued', 'blocked') THEN 0 ELSE 3 END,
    CASE WHEN job_status = 'running' AND queue / 2 %% 10 < 4 THEN md5('alive')::uuid
        WHEN job_status = 'running' AND queue / 2 %% 10 = 4 THEN md5('dead')::uuid END,
    3, CASE WHEN job_status IN ('queued', 'running') THEN now() - interval '10 s' END, created_at,
    CASE WHEN job_status NOT IN ('waiting', 'queued', 'blocked') THEN created_at END,
    CASE WHEN job_status NOT IN ('waiting', 'queued', 'running') THEN created_at + interval '3 minutes' END,
    size, CASE WHEN job_status = 'succeeded' THEN 0 ELSE size END,
    CASE WHEN job_status = 'succeeded' THEN size ELSE 0 END
FROM work;
"""

_RECORDS = """
INSERT INTO record (organisation_id, job_id, object_id, run_id, kind, ordinal, status, source, outgoing, upload, refs,
    protected, sendable, issues, sent, received, batch_id, attempts, completed_at,
    role, school_year, school_unit)
SELECT organisation_id, job_id, object.id, work.id, kind, i - 1, became.status, object.digest, object.digest,
    queue, CASE WHEN position = 1 THEN '{}' ELSE ARRAY[
        md5(%(prefix)s || 'object ' || queue || '.' || (position - 1) || '.' || i)::uuid,
        md5(%(prefix)s || 'object ' || queue || '.' || (position - 1) || '.' || 1 + i / 2)::uuid
    ] END,
    position = 1 AND i %% 97 = 0, i %% 211 <> 0,
    CASE WHEN i %% 53 = 0 THEN '[{"code": "pattern", "pointer": "/x"}]'::jsonb END,
    CASE WHEN became.status IN ('succeeded', 'warning', 'sent') THEN object.digest END,
    CASE WHEN became.status IN ('succeeded', 'warning') THEN '\\x00'::bytea END,
    CASE WHEN became.status IN ('succeeded', 'warning', 'sent')
        THEN md5(%(prefix)s || 'batch ' || number || '.' || position || '.' || 1 + i / 300)::uuid END,
    CASE WHEN became.status IN ('pending', 'skipped') THEN 0 ELSE 1 END,
    CASE WHEN became.status NOT IN ('pending', 'sent') THEN created_at + interval '2 minutes' END,
    CASE position WHEN 1 THEN CASE WHEN i %% 20 = 0 THEN 'Personal' ELSE 'Elev' END WHEN 2 THEN 'Personal' END,
    CASE WHEN position = 1 AND i %% 20 <> 0 THEN i %% 10 END, md5(%(prefix)s || 'school unit ' || i %% 60)::uuid
FROM work, generate_series(1, size) i,
    LATERAL (
        SELECT md5(%(prefix)s || 'object ' || queue || '.' || position || '.' || i)::uuid AS id,
            sha256((%(prefix)s || 'object ' || queue || '.' || position || '.' || i)::bytea) AS digest
    ) object,
    LATERAL (SELECT CASE job_status
        WHEN 'succeeded' THEN
            CASE WHEN i %% 211 = 0 THEN 'error' WHEN i %% 50 = 0 THEN 'warning' WHEN i %% 61 = 0 THEN 'skipped'
                ELSE 'succeeded' END
        WHEN 'failed' THEN CASE WHEN i %% 2 = 0 OR i %% 211 = 0 THEN 'error' ELSE 'succeeded' END
        WHEN 'running' THEN
            CASE WHEN i %% 211 = 0 THEN 'error' WHEN i %% 3 = 0 THEN 'sent' WHEN i %% 3 = 1 THEN 'succeeded'
                ELSE 'pending' END
        ELSE 'pending' END AS status) became
ORDER BY number, position, i;

-- Half of what failed was asked for: Skolverket holds one of two.
INSERT INTO at_target (organisation_id, job_id, object_id, held)
SELECT organisation_id, job_id, object_id, ordinal %% 2 = 0 FROM record
WHERE status IN ('error', 'skipped') AND ordinal %% 4 < 2 ON CONFLICT DO NOTHING;
"""

_CALLS = """
INSERT INTO batch (id, organisation_id, job_id, number, status, record_ids, items, request_digest, request_bytes,
    request_sha256, created_at, called_at, answered_at, http_status, remote_job_id, polls, next_poll_at, finished_at)
SELECT md5(%(prefix)s || 'batch ' || work.number || '.' || position || '.' || i)::uuid, organisation_id, job_id, i,
    CASE job_status WHEN 'running' THEN 'accepted' ELSE 'answered' END,
    ARRAY[md5(%(prefix)s || 'object ' || queue || '.' || position || '.' || i)::uuid],
    ARRAY[sha256((%(prefix)s || 'object ' || queue || '.' || position || '.' || i)::bytea)],
    decode(md5(i::text) || md5(i::text), 'hex'), 1000, decode(md5(i::text) || md5(i::text), 'hex'), created_at,
    created_at, created_at, 202, 'remote', 1,
    CASE job_status WHEN 'running' THEN now() END,
    CASE WHEN job_status <> 'running' THEN created_at + interval '1 minute' END
FROM work, generate_series(1, 1 + size / 300) i WHERE job_status IN ('succeeded', 'failed', 'running')
ORDER BY work.number, position, i;

INSERT INTO event (organisation_id, run_id, job_id, from_status, to_status, claim, at)
SELECT organisation_id, id, job_id, was, becomes, 1, created_at
FROM work, (VALUES ('waiting', 'queued'), ('queued', 'running')) AS steps (was, becomes)
WHERE job_status NOT IN ('waiting', 'blocked') ORDER BY number, position;
INSERT INTO event (organisation_id, run_id, from_status, to_status, at)
SELECT organisation_id, id, was, becomes, created_at
FROM shape, (VALUES (NULL, 'queued'), ('queued', 'running')) AS steps (was, becomes) ORDER BY number;

-- The old ones are few at any time: every worker forgets them each second.
INSERT INTO idempotency_key (organisation_id, api_key_id, digest, request_digest, run_id, body_sealed, created_at)
SELECT md5(%(prefix)s || 'organisation ' || 1 + n %% %(organisations)s)::uuid,
    md5(%(prefix)s || 'key ' || 1 + n %% %(organisations)s)::uuid, sha256(n::text::bytea), sha256(''),
    md5(%(prefix)s || 'run ' || n)::uuid, '\\x0162',
    now() - CASE WHEN n <= 20 THEN interval '25 hours' ELSE n * (interval '23 hours' / %(keys)s) END
FROM generate_series(1, %(keys)s) n;
DROP TABLE queue, shape, work;
"""

_WEBHOOKS = """
INSERT INTO webhook (id, organisation_id, url, types, secret)
SELECT md5(%(prefix)s || 'webhook ' || n)::uuid,
    md5(%(prefix)s || 'organisation ' || 1 + (n - 1) / 3)::uuid, 'https://127.0.0.1/',
    '{run.succeeded,run.failed}', '\\x00'
FROM generate_series(1, %(organisations)s * 3) n;

-- Of a month, most of one organisation; and what waits for its first endpoint since it is away.
INSERT INTO webhook_delivery (id, organisation_id, webhook_id, type, data, created_at, status, attempts, due_at,
    tried_at, http_status, finished_at)
SELECT md5(%(prefix)s || 'delivery ' || n)::uuid, md5(%(prefix)s || 'organisation ' || 1 + (place - 1) / 3)::uuid,
    md5(%(prefix)s || 'webhook ' || place)::uuid, 'run.succeeded', '{}', at, 'delivered', 1, NULL, at, 204, at
FROM generate_series(1, %(runs)s) n, LATERAL (
    SELECT CASE WHEN n %% 5 < 4 THEN 1 + n %% 3 ELSE 1 + n %% (%(organisations)s * 3) END AS place,
        now() - n * (interval '30 days' / %(runs)s) AS at
) each;
INSERT INTO webhook_delivery (organisation_id, webhook_id, type, data, created_at, attempts, due_at, tried_at, failure)
SELECT md5(%(prefix)s || 'organisation 1')::uuid, md5(%(prefix)s || 'webhook 1')::uuid, 'run.failed', '{}',
    now() - n * interval '1 minute', 5, now() + (n %% 600 - 300) * interval '1 second', now(), 'timeout'
FROM generate_series(1, %(deliveries_due)s) n;
INSERT INTO webhook_delivery (organisation_id, webhook_id, type, data, created_at, status, attempts, due_at,
    tried_at, http_status, finished_at)
SELECT md5(%(prefix)s || 'organisation 1')::uuid, md5(%(prefix)s || 'webhook 3')::uuid, 'run.failed', '{}', at,
    'failed', 10, NULL, at, 500, at
FROM generate_series(1, %(deliveries_due)s) n, LATERAL (SELECT now() - interval '31 days' AS at) each;
"""


Write = Callable[[psycopg.Connection[Any]], None]


def fill(conn: psycopg.Connection[Any], size: Size, contents: Write | None = None) -> None:
    """Writes it all; needs a superuser, since it turns triggers off for its own session.

    What the objects say is text that nobody can open, or what `contents` writes of the rosters in the table `queue`.
    """
    conn.execute("SET session_replication_role = replica")
    conn.execute("SET synchronous_commit = off")
    conn.execute("SET work_mem = '256MB'")
    conn.execute("SET gin_pending_list_limit = '256MB'")
    for part in (_TENANTS, contents or _CONTENTS, _OBJECTS, _RUNS, _RECORDS, _CALLS, _WEBHOOKS):
        with conn.transaction(), psycopg.ClientCursor(conn) as cursor:
            if isinstance(part, str):
                cursor.execute(part, size.parameters)
            else:
                part(conn)
    conn.execute("RESET ALL")


def leave_statistics_behind(conn: psycopg.Connection[Any]) -> None:
    """Lets Postgres look at the tables while next to nothing is in them, and never again by itself."""
    fill(conn, SEED)
    for table in FILLED:
        conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false, toast.autovacuum_enabled = false)")
    conn.execute("ANALYZE")
