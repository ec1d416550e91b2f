-- Those of `ids` that are in a batch of another job that has been called and has no answer yet, or in what a task has sent
-- so, and how long to wait for it. The ids are grouped and not joined: as a join it might hold each of them against all
-- that is under way.
CREATE OR REPLACE FUNCTION under_way_elsewhere(organisation uuid, of_kind text, of_job uuid, ids uuid[])
RETURNS TABLE (object_id uuid, wait interval) LANGUAGE sql STABLE ROWS 10 AS $$
    SELECT id, least(greatest(max(next_poll_at) - clock_timestamp(), interval '0'), interval '1 minute')
        + interval '1 second'
    FROM (
        SELECT asked.id, true, NULL::timestamptz FROM unnest(ids) AS asked (id)
        UNION ALL
        SELECT listed.id, false, coalesce(out.next_poll_at, clock_timestamp()) FROM job CROSS JOIN LATERAL (
            SELECT record_ids, next_poll_at FROM batch
            WHERE batch.job_id = job.id AND batch.status IN ('called', 'accepted') OFFSET 0
        ) out CROSS JOIN unnest(out.record_ids) AS listed (id)
        WHERE job.organisation_id = organisation AND job.status = 'running' AND job.kind = of_kind
            AND job.id IS DISTINCT FROM of_job
        UNION ALL
        SELECT listed.id, false, NULL FROM task CROSS JOIN unnest(task.under_way) AS listed (id)
        WHERE task.organisation_id = organisation AND task.under_way IS NOT NULL
    ) AS each (id, mine, next_poll_at)
    GROUP BY id HAVING bool_or(mine) AND NOT bool_and(mine)
$$;
