"""The versions of what a process keeps: a run's with its jobs', and those of API keys with their organisation's.

The question is one statement over all organisations: it gives nothing but which of the ids asked about have changed.
"""

from typing import Final, LiteralString

# Postgres numbers a row anew when it is written. Every upload writes its organisation: of that a caller has the salt.
KEY_VERSION: Final[LiteralString] = "concat(api_key.xmin, '/', md5(organisation.salt))"

# Takes ids and versions of runs, handles and versions of keys, each as an array; gives what has changed by its place.
# A run's is the one that is shown. Each is found by its key, whatever the statistics say.
CHANGED_VERSIONS: Final[LiteralString] = """
    SELECT 'run', asked.place FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS asked (id, version, place)
    WHERE asked.version IS DISTINCT FROM (
        SELECT run.version + (SELECT sum(job.version) FROM job WHERE job.run_id = run.id)::bigint + (
            SELECT version FROM activity
            WHERE activity.organisation_id = run.organisation_id AND activity.id = run.activity_id
        )
        FROM run WHERE run.id = asked.id
    )
    UNION ALL
    SELECT 'key', asked.place FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS asked (handle, version, place)
    WHERE asked.version IS DISTINCT FROM (
        SELECT {key_version} FROM api_key JOIN organisation ON organisation.id = api_key.organisation_id
        WHERE api_key.handle = asked.handle AND api_key.revoked_at IS NULL
    )
""".replace("{key_version}", KEY_VERSION)
