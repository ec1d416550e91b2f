"""The versions of what a process keeps: a run's with its jobs', those of API keys with their organisation's.

And how far somebody has read an organisation's log of changes.

The question is one statement over all organisations: it gives nothing but which of the ids asked about have changed.
"""

from typing import Final, LiteralString

# Postgres numbers a row anew when it is written. Every upload writes its organisation: of that a caller has the keys.
KEY_VERSION: Final[LiteralString] = "concat(api_key.xmin, '/', md5(organisation.salt))"

# Of api_key, joined to its organisation if it has one.
KEY_COUNTS: Final[LiteralString] = """
    api_key.revoked_at IS NULL AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp())
    AND organisation.disabled_at IS NULL
"""

# Takes ids and versions of runs, handles and versions of keys, and of logs the organisations with the transactions and
# rows of the last stamps that were read, each as an array; gives what has changed by its place. A run's version is the
# one that is shown. Each is found by its key, and the next stamp by its index, whatever the statistics say.
CHANGED_VERSIONS: Final[LiteralString] = """
    SELECT 'run', asked.place FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS asked (id, version, place)
    WHERE asked.version IS DISTINCT FROM (
        SELECT run.version + (SELECT sum(job.version) FROM job WHERE job.run_id = run.id)::bigint + (
            SELECT shown_version FROM activity
            WHERE activity.organisation_id = run.organisation_id AND activity.id = run.activity_id
        )
        FROM run WHERE run.id = asked.id
    )
    UNION ALL
    SELECT 'key', asked.place FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS asked (handle, version, place)
    WHERE asked.version IS DISTINCT FROM (
        SELECT {key_version} FROM api_key LEFT JOIN organisation ON organisation.id = api_key.organisation_id
        WHERE api_key.handle = asked.handle AND {key_counts}
    )
    UNION ALL
    SELECT 'log', asked.place FROM unnest(%s::uuid[], %s::text[], %s::uuid[])
        WITH ORDINALITY AS asked (organisation_id, changed_in, row_id, place)
    WHERE coalesce(
        (
            SELECT id FROM job WHERE job.organisation_id = asked.organisation_id
                AND (job.changed_in, job.id) > (asked.changed_in::xid8, asked.row_id)
                AND job.changed_in < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY changed_in, id LIMIT 1
        ), (
            SELECT id FROM run WHERE run.organisation_id = asked.organisation_id
                AND (run.changed_in, run.id) > (asked.changed_in::xid8, asked.row_id)
                AND run.changed_in < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY changed_in, id LIMIT 1
        )
    ) IS NOT NULL
""".replace("{key_version}", KEY_VERSION).replace("{key_counts}", KEY_COUNTS)
