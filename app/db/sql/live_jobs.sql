-- What is live is walked over from one job to the next in the order of a partial index: those that have ended are not
-- read, also by a planner whose statistics know of few of these.

-- Gives the jobs that an epoch has in hand.
CREATE OR REPLACE FUNCTION held_jobs() RETURNS SETOF job LANGUAGE sql STABLE AS $$
    WITH RECURSIVE held AS (
        (SELECT job AS one FROM job WHERE holder IS NOT NULL ORDER BY holder, id LIMIT 1)
        UNION ALL
        SELECT next.one FROM held CROSS JOIN LATERAL (
            SELECT job AS one FROM job
            WHERE job.holder IS NOT NULL AND (job.holder, job.id) > ((held.one).holder, (held.one).id)
            ORDER BY job.holder, job.id LIMIT 1
        ) next
    )
    SELECT (held.one).* FROM held
$$;

-- Gives the jobs that a pause holds.
CREATE OR REPLACE FUNCTION paused_jobs() RETURNS SETOF job LANGUAGE sql STABLE AS $$
    WITH RECURSIVE paused AS (
        (SELECT job AS one FROM job WHERE status = 'held' ORDER BY id LIMIT 1)
        UNION ALL
        SELECT next.one FROM paused CROSS JOIN LATERAL (
            SELECT job AS one FROM job WHERE job.status = 'held' AND job.id > (paused.one).id ORDER BY job.id LIMIT 1
        ) next
    )
    SELECT (paused.one).* FROM paused
$$;

-- Gives all jobs that are queued or running.
CREATE OR REPLACE FUNCTION live_jobs() RETURNS SETOF job LANGUAGE sql STABLE AS $$
    WITH RECURSIVE free AS (
        (SELECT job AS one FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
        ORDER BY organisation_id, due_at, id LIMIT 1)
        UNION ALL
        SELECT next.one FROM free CROSS JOIN LATERAL (
            SELECT job AS one FROM job
            WHERE job.status IN ('queued', 'running') AND job.holder IS NULL
                AND (job.organisation_id, job.due_at, job.id)
                    > ((free.one).organisation_id, (free.one).due_at, (free.one).id)
            ORDER BY job.organisation_id, job.due_at, job.id LIMIT 1
        ) next
    )
    SELECT (free.one).* FROM free UNION ALL SELECT * FROM held_jobs()
$$;
