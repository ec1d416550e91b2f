-- How many objects of each kind the roster had that an activity has sent last: of its latest run of which something has
-- left, or will.
CREATE OR REPLACE FUNCTION last_sent(of_organisation uuid, of_activity uuid) RETURNS TABLE (kind text, number integer)
LANGUAGE sql STABLE AS $$
    SELECT job.kind, job.total FROM (
        SELECT id FROM run
        WHERE organisation_id = of_organisation AND activity_id = of_activity AND (
            status IN ('queued', 'running', 'held', 'succeeded') OR EXISTS (
                SELECT FROM job WHERE job.run_id = run.id AND job.total > job.pending + job.skipped
            )
        )
        ORDER BY sequence DESC LIMIT 1
    ) last CROSS JOIN LATERAL (SELECT kind, total FROM job WHERE job.run_id = last.id OFFSET 0) job
$$;
