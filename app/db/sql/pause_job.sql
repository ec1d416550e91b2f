-- Lays a job down of which nothing is out, until the pause of its run ends; what has not left is discarded. When the pause
-- has ended meanwhile, or the run's end has been asked for, it is due at once. Locks activity, run and job, in this order.
-- A suspect (free_claims) stays one: what it may have killed its process by has not been tried. Gives the wake-up to be
-- sent after the commit, as [number, seconds from now], or NULL.
CREATE OR REPLACE FUNCTION pause_job(of_organisation uuid, of_job uuid, of_claim bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job;
BEGIN
    PERFORM act_for(of_organisation);
    SELECT * INTO one FROM job WHERE id = of_job AND (organisation_id = of_organisation) IS TRUE;
    PERFORM FROM activity WHERE organisation_id = one.organisation_id AND id = one.activity_id FOR NO KEY UPDATE;
    PERFORM FROM run WHERE id = one.run_id AND pause_id IS NOT NULL AND cancel_requested_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN snooze(of_organisation, of_job, of_claim, interval '0', true, true);
    END IF;
    PERFORM discard_unsent(of_organisation, of_job, of_claim, NULL);
    UPDATE job SET status = 'queued', fence = of_claim, holder = NULL, due_at = clock_timestamp(),
        worker_deaths = CASE WHEN worker_deaths >= 2 THEN worker_deaths ELSE 0 END,
        sole_deaths = CASE WHEN worker_deaths >= 2 THEN sole_deaths ELSE 0 END,
        -- the hour of its trials begins anew: the pause is no part of it
        suspect_since = NULL, accused_by = NULL, accused_alone = false, rests = 0, internal_rests = 0, rest_code = NULL
    WHERE id = of_job;
    PERFORM hold_queued(one.run_id);
    RETURN NULL;
END $$;
