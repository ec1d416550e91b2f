-- Ends a running job, and what follows from it: the next job, or the run and the activity's next run. Locks activity,
-- run and job, in this order. Gives the wake-ups to be sent after the commit, as [[job, number, egresses]], and with
-- `go_on` what follows as claimed by the same holder at once, if it may: [[job, claim, run, kind, what is open]].
CREATE OR REPLACE FUNCTION finish_job(
    of_organisation uuid, of_job uuid, of_claim bigint, becomes text, why jsonb, go_on boolean
)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job;
    cancelled boolean;
    follows jsonb;
    claimed jsonb := '[]';
BEGIN
    PERFORM act_for(of_organisation);
    SELECT * INTO one FROM job WHERE id = of_job AND (organisation_id = of_organisation) IS TRUE;
    PERFORM FROM activity WHERE organisation_id = one.organisation_id AND id = one.activity_id FOR NO KEY UPDATE;
    SELECT cancel_requested_at IS NOT NULL INTO cancelled FROM run WHERE id = one.run_id FOR NO KEY UPDATE;
    IF one.pending > 0 THEN
        PERFORM hold_job(of_organisation, of_job, of_claim);
        -- A retry begins anew: what is left must not expire for faults of this try.
        UPDATE record SET due_at = NULL, tried_for = NULL, failed_at = NULL, planned_wait = NULL, fence = of_claim
        WHERE run_id = one.run_id AND kind BETWEEN one.kind AND one.kind AND status = 'pending'
            AND (due_at IS NOT NULL OR failed_at IS NOT NULL);
    END IF;
    UPDATE job SET status = becomes, fence = of_claim, error = why, finished_at = clock_timestamp(), due_at = NULL,
        holder = NULL, worker_deaths = 0, sole_deaths = 0,
        suspect_since = NULL, accused_by = NULL, accused_alone = false, rests = 0, internal_rests = 0, rest_code = NULL
    WHERE id = one.id AND claim = of_claim AND holder IS NOT NULL;
    IF NOT FOUND THEN
        PERFORM hold_job(of_organisation, of_job, of_claim);
    END IF;
    IF becomes = 'succeeded' AND NOT cancelled THEN
        follows := queue_job(one.run_id, one.position + 1);
    END IF;
    IF follows IS NULL THEN
        PERFORM end_run(one, becomes = 'succeeded' AND NOT EXISTS (
            SELECT FROM job WHERE run_id = one.run_id AND position > one.position
        ), cancelled);
        follows := start_next_run(one.organisation_id, one.activity_id);
    END IF;
    IF go_on AND jsonb_array_length(follows) > 0 THEN
        SELECT coalesce(jsonb_agg(jsonb_build_array(next.id, next.claim, next.run_id, next.kind, next.opened)), '[]')
        INTO claimed FROM claim_jobs(one.holder, 1, ARRAY[(follows -> 0 ->> 0)::uuid]) next;
    END IF;
    RETURN jsonb_build_array(follows, claimed);
END $$;

-- Ends a run of which `one` is the last job that was carried on: those behind it never begin.
CREATE OR REPLACE FUNCTION end_run(one job, succeeded boolean, cancelled boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE job SET status = CASE WHEN cancelled THEN 'cancelled' ELSE 'blocked' END, finished_at = clock_timestamp()
    WHERE run_id = one.run_id AND status = 'waiting';
    UPDATE run SET finished_at = clock_timestamp(), pause_id = NULL, status = CASE WHEN succeeded THEN 'succeeded'
        WHEN cancelled THEN 'cancelled' ELSE 'failed' END
    WHERE id = one.run_id;
END $$;
