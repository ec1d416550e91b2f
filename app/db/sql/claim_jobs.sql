-- Claims due jobs for an epoch that may call: those `wanted`, or with NULL of all, in turn for the organisations, at
-- most so many. Gives them with what their steps begin with. One that cannot be opened is laid down: the others go on.
-- Suspects (free_claims) are admitted sixteen at a time, half as many after each further death. One that was twice the
-- only suspect at a death has the process to itself: what is in hand comes to its end first, and nothing is beside it. They are
-- of any organisation, for all of which this acts; each is opened for its own.
CREATE OR REPLACE FUNCTION claim_jobs(of_epoch uuid, most integer, wanted uuid[])
RETURNS TABLE (id uuid, claim bigint, organisation_id uuid, run_id uuid, kind text, lost_before boolean, own_keys bytea,
    wake_latency interval, opened jsonb) LANGUAGE plpgsql AS $$
DECLARE
    now_ timestamptz := clock_timestamp();
    -- Some of those that are looked at may be somebody else's by the time they are locked.
    spare CONSTANT integer := 10;
    taken uuid[];
    trial uuid;
    suspects integer;
    one pg_catalog.record;
BEGIN
    PERFORM act_for_everybody();
    SELECT (
        SELECT job.id FROM job
        WHERE status IN ('queued', 'running') AND sole_deaths >= 2
            AND (holder = of_epoch OR (holder IS NULL AND due_at <= now_))
        ORDER BY job.due_at LIMIT 1
    ), (SELECT count(*) FROM job WHERE holder = of_epoch AND worker_deaths >= 2)
    INTO trial, suspects FROM epoch WHERE epoch.id = of_epoch AND state = 'holds';
    IF NOT FOUND OR (trial IS NOT NULL AND EXISTS (SELECT FROM job WHERE holder = of_epoch)) THEN
        RETURN;
    ELSIF trial IS NOT NULL THEN
        taken := ARRAY[trial];
    ELSIF wanted IS NULL THEN
        -- From one organisation to the next over the index, and a few of each.
        WITH RECURSIVE waiting AS (
            (SELECT job.organisation_id FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
            ORDER BY job.organisation_id LIMIT 1)
            UNION ALL
            SELECT (
                SELECT job.organisation_id FROM job WHERE status IN ('queued', 'running') AND holder IS NULL
                    AND job.organisation_id > waiting.organisation_id
                ORDER BY job.organisation_id LIMIT 1
            ) FROM waiting WHERE waiting.organisation_id IS NOT NULL
        ), due AS (
            SELECT first.id, row_number() OVER (PARTITION BY waiting.organisation_id ORDER BY first.due_at) AS place,
                first.due_at
            FROM waiting CROSS JOIN LATERAL (
                SELECT job.id, job.due_at FROM job
                WHERE status IN ('queued', 'running') AND holder IS NULL
                    AND job.organisation_id = waiting.organisation_id AND job.due_at <= now_
                ORDER BY job.due_at LIMIT most + spare
            ) first
        )
        SELECT array_agg(turn.id) INTO taken
        FROM (SELECT due.id FROM due ORDER BY place, due_at LIMIT most + spare) turn;
    ELSE
        taken := wanted;
    END IF;
    FOR one IN SELECT free.* FROM unnest(taken) WITH ORDINALITY AS listed (id, place) CROSS JOIN LATERAL (
            SELECT job.id, job.worker_deaths FROM job
            WHERE job.id = listed.id AND status IN ('queued', 'running') AND holder IS NULL AND due_at <= now_
            FOR NO KEY UPDATE SKIP LOCKED
        ) free ORDER BY place LIMIT most
    LOOP
        -- To open the one before was for its organisation alone.
        PERFORM act_for_everybody();
        IF one.worker_deaths >= 2 THEN
            CONTINUE WHEN suspects >= greatest(1, 16 >> least(one.worker_deaths - 2, 10));
            suspects := suspects + 1;
        END IF;
        UPDATE job SET status = 'running', claim = next_claim(job.claim), fence = job.claim, holder = of_epoch,
            changes = job.changes + 1,
            started_at = coalesce(started_at, clock_timestamp())
        WHERE job.id = one.id
        RETURNING job.id, job.claim, job.organisation_id, job.run_id, job.kind, job.worker_deaths > 0,
            (SELECT organisation.salt || organisation.digest_key FROM organisation WHERE organisation.id = job.organisation_id),
            clock_timestamp() - job.notified_at
        INTO id, claim, organisation_id, run_id, kind, lost_before, own_keys, wake_latency;
        BEGIN
            opened := open_job(claim_jobs.organisation_id, claim_jobs.id, claim_jobs.claim);
            RETURN NEXT;
        EXCEPTION WHEN OTHERS THEN
            RAISE LOG 'job % cannot be opened: %', claim_jobs.id, SQLSTATE;
            PERFORM lay_down_unread(claim_jobs.organisation_id, claim_jobs.id, claim_jobs.claim);
        END;
    END LOOP;
END $$;
