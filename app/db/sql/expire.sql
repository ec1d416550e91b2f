-- Ends what is still pending with `issues`, and gives up asking what Skolverket has of the records that failed: what is
-- not known to be there counts as missing. What has not left does not leave. Gives what is open.
CREATE OR REPLACE FUNCTION expire(
    of_organisation uuid, of_job uuid, of_claim bigint, issues jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
BEGIN
    PERFORM discard_unsent(of_organisation, of_job, of_claim, NULL);
    -- A range is taken to be narrow, also by a planner whose statistics know of few runs yet.
    UPDATE record SET status = 'error', completed_at = clock_timestamp(), fence = of_claim,
        issues = coalesce(record.issues, '[]') || expire.issues
    WHERE run_id = one.run_id AND kind BETWEEN one.kind AND one.kind AND status = 'pending';
    INSERT INTO at_target (organisation_id, job_id, object_id, held)
    SELECT organisation_id, job_id, object_id, false FROM record
    WHERE run_id = one.run_id AND kind BETWEEN one.kind AND one.kind AND status IN ('error', 'skipped')
    ON CONFLICT DO NOTHING;
    RETURN job_snapshot(of_job);
END $$;
