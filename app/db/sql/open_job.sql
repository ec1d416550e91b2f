-- Prepares a job that has just been claimed: batches that an earlier claim left called are lost, since they may have
-- arrived, and their records go again as the same objects; records that break the published schema end, since one of
-- them could sink its whole batch, and so do persons who have no part in an exam. Of a cancelled or paused run what has not left is discarded. Gives what is open then.
CREATE OR REPLACE FUNCTION open_job(
    of_organisation uuid, of_job uuid, of_claim bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job;
    lost uuid[];
    listed uuid[];
BEGIN
    PERFORM act_for(of_organisation);
    SELECT * INTO one FROM job
    WHERE id = of_job AND (organisation_id = of_organisation) IS TRUE AND claim = of_claim AND holder IS NOT NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM hold_job(of_organisation, of_job, of_claim);
    END IF;
    IF EXISTS (SELECT FROM batch WHERE job_id = of_job AND status = 'called') THEN
        WITH closed AS (
            UPDATE batch SET status = 'lost', error = 'worker_lost', next_poll_at = NULL, finished_at = clock_timestamp(),
                fence = of_claim
            WHERE job_id = of_job AND status = 'called' RETURNING id, record_ids
        )
        SELECT array_agg(DISTINCT closed.id), array_agg(each.id) INTO lost, listed
        FROM closed CROSS JOIN unnest(closed.record_ids) AS each (id);
        -- The OFFSET makes this a look by the primary key for each; the claim holds the job, so that no record moves.
        UPDATE record SET status = 'pending', due_at = clock_timestamp(), fence = of_claim
        FROM unnest(listed) AS wanted (id) CROSS JOIN LATERAL (
            SELECT ctid AS place FROM record other
            WHERE other.job_id = of_job AND other.object_id = wanted.id OFFSET 0
        ) found
        WHERE record.ctid = found.place AND record.status = 'sent' AND record.batch_id = ANY (lost);
    END IF;
    IF one.pending > 0 THEN
        UPDATE record SET status = CASE WHEN issues @> '[{"code": "guardian"}]' THEN 'skipped' ELSE 'error' END,
            completed_at = clock_timestamp(), fence = of_claim
        WHERE job_id = of_job AND status = 'pending' AND NOT sendable;
    END IF;
    PERFORM FROM run WHERE id = one.run_id AND (cancel_requested_at IS NOT NULL OR pause_id IS NOT NULL);
    IF FOUND THEN
        PERFORM discard_unsent(of_organisation, of_job, of_claim, NULL);
    END IF;
    RETURN job_snapshot(of_job);
END $$;
