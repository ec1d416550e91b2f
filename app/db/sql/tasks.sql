-- Claims due tasks of some kinds, at most so many: for an epoch that may call, or with NULL for the time `lease`. Each kind
-- has the `longest` that its tasks may wait. A time further ahead than that was reckoned with a clock that was wrong, and
-- is rewritten once. Tasks are of any organisation or of none, so that this acts for all.
CREATE OR REPLACE FUNCTION claim_tasks(
    kinds text[], longest interval[], most integer, of_epoch uuid, lease interval
) RETURNS SETOF task LANGUAGE plpgsql AS $$
DECLARE
    now_ timestamptz := clock_timestamp();
BEGIN
    PERFORM act_for_everybody();
    IF of_epoch IS NOT NULL AND NOT EXISTS (SELECT FROM epoch WHERE id = of_epoch AND state = 'holds') THEN
        RETURN;
    END IF;
    UPDATE task SET due_at = now_ + rule.longest
    FROM unnest(kinds, longest) AS rule (kind, longest) CROSS JOIN LATERAL (
        -- From the end of the index: mostly there is none.
        SELECT one.ctid AS place FROM task one WHERE one.kind = rule.kind AND one.due_at > now_ + rule.longest
        ORDER BY one.due_at DESC LIMIT 100 FOR UPDATE SKIP LOCKED
    ) far WHERE task.ctid = far.place;
    IF lease IS NOT NULL THEN
        UPDATE task SET leased_until = now_ + lease WHERE ctid = ANY (ARRAY(
            SELECT one.ctid FROM task one WHERE one.leased_until > now_ + lease
            ORDER BY one.leased_until DESC LIMIT 100 FOR UPDATE SKIP LOCKED
        ));
    END IF;
    RETURN QUERY
        UPDATE task SET claim = next_claim(task.claim), holder = of_epoch, leased_until = now_ + lease
        FROM (
            -- Kind by kind, over the index in which the times of each stand in order.
            SELECT first.place FROM unnest(kinds) AS wanted (kind) CROSS JOIN LATERAL (
                SELECT one.ctid AS place, one.due_at FROM task one
                WHERE one.kind = wanted.kind AND one.due_at <= now_ AND one.holder IS NULL
                    AND (one.leased_until IS NULL OR one.leased_until <= now_)
                    AND NOT EXISTS (SELECT FROM job WHERE job.id = one.after_job AND job.finished_at IS NULL)
                ORDER BY one.due_at LIMIT most FOR UPDATE OF one SKIP LOCKED
            ) first ORDER BY first.due_at LIMIT most
        ) due WHERE task.ctid = due.place
        RETURNING task.*;
END $$;

-- Ends a task: it is due once more where that has been noted, and else it goes. Tells whether the claim held.
CREATE OR REPLACE FUNCTION finish_task(of_task uuid, of_claim bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE task SET due_at = again_at, again_at = NULL, holder = NULL, leased_until = NULL, under_way = NULL, attempt = 0,
        done_at = clock_timestamp()
    WHERE id = of_task AND claim = of_claim AND (holder IS NOT NULL OR leased_until IS NOT NULL)
        AND again_at > clock_timestamp();
    IF FOUND THEN
        RETURN true;
    END IF;
    DELETE FROM task WHERE id = of_task AND claim = of_claim
        AND (holder IS NOT NULL OR leased_until IS NOT NULL);
    RETURN FOUND;
END $$;

-- Frees the tasks that an epoch has in hand. At a death each of them may be what its process died of: a first one accuses
-- nobody, after more in a row it waits, for a minute and then twice as long each time, up to twenty. What it may have
-- called is looked at again.
CREATE OR REPLACE FUNCTION free_tasks(of_epoch uuid, died boolean) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE task SET holder = NULL, attempt = attempt + died::integer,
        failed_at = CASE WHEN died THEN clock_timestamp() ELSE failed_at END,
        failure = CASE WHEN died THEN 'worker_lost' ELSE failure END,
        failed_before_at = CASE WHEN died THEN failed_at ELSE failed_before_at END,
        failure_before = CASE WHEN died THEN failure ELSE failure_before END,
        accused_by = CASE WHEN died THEN of_epoch ELSE accused_by END,
        due_at = CASE WHEN died AND attempt > 0
            THEN clock_timestamp() + least(interval '1 minute' * 2 ^ least(attempt - 1, 10), interval '20 minutes')
            ELSE due_at END,
        again_at = CASE WHEN under_way IS NULL THEN again_at ELSE clock_timestamp() + interval '15 minutes' END,
        under_way = NULL
    WHERE holder = of_epoch
$$;

-- Takes back that tasks were in hand at a death: the process of that epoch lives. What has failed since stays failed.
CREATE OR REPLACE FUNCTION acquit_tasks(of_epoch uuid) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE task SET accused_by = NULL, attempt = greatest(attempt - 1, 0),
        failed_at = failed_before_at, failure = failure_before, failed_before_at = NULL, failure_before = NULL,
        due_at = CASE WHEN attempt > 0 AND holder IS NULL THEN least(due_at, clock_timestamp()) ELSE due_at END
    WHERE accused_by = of_epoch
$$;
