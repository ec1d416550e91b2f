-- Lets a failed or cancelled run go on from its first unfinished job, with what has not succeeded, and with `record_errors`
-- what is `allowed`, and at how many errors jobs of these `kinds` are to `stop_at`, where these are given; where nothing is
-- allowed, what was stays but for what is `taken_back`. Gives {wake_ups}; or {refused}, with its status when it is in another
-- state.
CREATE OR REPLACE FUNCTION retry_run(
    of_organisation uuid, of_run uuid, record_errors text, allowed text[], taken_back text[], kinds text[], stop_at integer[]
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one run;
BEGIN
    PERFORM act_for(of_organisation);
    -- No object is erased meanwhile.
    PERFORM FROM organisation WHERE id = of_organisation FOR SHARE;
    one := lock_run(of_organisation, of_run);
    IF one.id IS NULL THEN
        RETURN jsonb_build_object('refused', 'no_run');
    ELSIF one.status NOT IN ('failed', 'cancelled') THEN
        RETURN jsonb_build_object('refused', 'not_ended', 'status', one.status);
    END IF;
    PERFORM FROM activity WHERE organisation_id = of_organisation AND id = one.activity_id AND deleted_at IS NOT NULL;
    IF FOUND THEN
        RETURN jsonb_build_object('refused', 'deleted');
    END IF;
    PERFORM FROM activity
    WHERE organisation_id = of_organisation AND id = one.activity_id AND last_sequence = one.sequence;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refused', 'not_latest');
    END IF;
    -- each over the index of its own states
    IF EXISTS (
        SELECT FROM run
        WHERE organisation_id = of_organisation AND activity_id = one.activity_id AND status IN ('running', 'held')
    ) OR EXISTS (
        SELECT FROM run
        WHERE organisation_id = of_organisation AND activity_id = one.activity_id AND status = 'queued'
    ) THEN
        RETURN jsonb_build_object('refused', 'queue_busy');
    END IF;
    IF one.content_expired_at IS NOT NULL THEN
        RETURN jsonb_build_object('refused', 'content_erased');
    END IF;
    PERFORM FROM job CROSS JOIN LATERAL (
        SELECT outgoing FROM record WHERE record.run_id = of_run AND record.kind = job.kind AND record.sendable
            AND record.status IN ('pending', 'error', 'skipped') OFFSET 0
    ) again
    WHERE job.run_id = of_run AND (
        SELECT true FROM content WHERE content.organisation_id = of_organisation AND content.digest = again.outgoing
    ) IS NULL LIMIT 1;
    IF FOUND THEN
        RETURN jsonb_build_object('refused', 'content_erased');
    END IF;
    UPDATE run SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), finished_at = NULL,
        cancel_requested_at = NULL, pause_id = pause_of(of_organisation, one.activity_id),
        expiring_position = NULL, expiring_from = NULL,
        on_record_error = coalesce(record_errors, on_record_error), allow = coalesce(
            allowed, ARRAY(SELECT given.each FROM unnest(allow) AS given (each) WHERE given.each <> ALL (taken_back))
        )
    WHERE id = of_run;
    UPDATE job SET status = 'waiting', finished_at = NULL, error = NULL, attempt = 0, worker_deaths = 0,
        sole_deaths = 0, suspect_since = NULL, tried_for = '0', failed_at = NULL, planned_wait = NULL,
        last_accepted_at = NULL, stop_at_errors = CASE WHEN stop_at IS NULL THEN stop_at_errors
            ELSE stop_at[array_position(kinds, kind)] END
    WHERE run_id = of_run AND status IN ('failed', 'blocked', 'cancelled');
    -- What the target holds is asked anew of those that fail again.
    DELETE FROM at_target WHERE job_id = ANY (ARRAY(SELECT id FROM job WHERE run_id = of_run AND status = 'waiting'));
    UPDATE record SET status = 'pending', completed_at = NULL, received = NULL, message_codes = NULL, due_at = NULL, tried_for = NULL,
        failed_at = NULL, planned_wait = NULL, max_together = NULL,
        -- what the roster's own reading found stays; what the earlier try said of it goes
        issues = (SELECT jsonb_agg(r) FROM jsonb_array_elements(issues) r WHERE r ? 'pointer')
    FROM job
    WHERE job.run_id = of_run AND job.status = 'waiting' AND record.run_id = of_run
        AND record.kind = job.kind AND record.status IN ('error', 'skipped');
    RETURN jsonb_build_object('wake_ups',
        queue_job(of_run, (SELECT min(position) FROM job WHERE run_id = of_run AND status = 'waiting')));
END $$;
