-- Rewrites stored times that lie further ahead than anything is ever planned, to now and that longest: the database's
-- clock has been wrong. Once, since a bound that moves with the clock would never come. Gives how many jobs. A job waits
-- for five minutes at most, a suspect for twenty (free_claims), an answer for less than twenty seconds. Batches and records
-- are looked at where their job waits for them so long that it is too far ahead itself. Where no job is, that is one look
-- over ix_job_due for each organisation with work, and the few rows of `egress`. It is for
-- all organisations.
CREATE OR REPLACE FUNCTION bring_near() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now_ CONSTANT timestamptz := clock_timestamp();
    longest CONSTANT timestamptz := now_ + interval '5 minutes';
    answered CONSTANT timestamptz := now_ + interval '20 seconds';
    one pg_catalog.record;
    brought integer := 0;
BEGIN
    PERFORM act_for_everybody();
    FOR one IN
        WITH RECURSIVE waiting AS (
            (SELECT organisation_id FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
            ORDER BY organisation_id LIMIT 1)
            UNION ALL
            SELECT (
                SELECT organisation_id FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
                    AND job.organisation_id > waiting.organisation_id
                ORDER BY organisation_id LIMIT 1
            ) FROM waiting WHERE waiting.organisation_id IS NOT NULL
        )
        SELECT far.* FROM waiting CROSS JOIN LATERAL (
            SELECT id, claim, run_id, kind, status, CASE WHEN worker_deaths >= 2 THEN interval '20 minutes'
                ELSE interval '5 minutes' END AS most
            FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
                AND organisation_id = waiting.organisation_id AND due_at > longest
            FOR NO KEY UPDATE SKIP LOCKED
        ) far
    LOOP
        UPDATE job SET due_at = now_ + one.most, fence = claim WHERE id = one.id AND due_at > now_ + one.most;
        CONTINUE WHEN NOT FOUND;
        brought := brought + 1;
        CONTINUE WHEN one.status <> 'running';
        UPDATE batch SET next_poll_at = answered, fence = one.claim
        WHERE job_id = one.id AND status = 'accepted' AND next_poll_at > answered;
        UPDATE record SET due_at = longest, fence = one.claim
        WHERE run_id = one.run_id AND kind BETWEEN one.kind AND one.kind AND status = 'pending' AND due_at > longest;
    END LOOP;
    UPDATE egress SET calls_paused_until = least(calls_paused_until, longest),
        reads_paused_until = least(reads_paused_until, longest)
    WHERE calls_paused_until > longest OR reads_paused_until > longest;
    RETURN brought;
END $$;
