-- Notes a failed try of a job, which counts as so many attempts (`counted`), and keeps `fault` for those who look at the
-- job meanwhile; gives what is open.
CREATE OR REPLACE FUNCTION note_fault(
    of_organisation uuid, of_job uuid, of_claim bigint, fault jsonb, counted integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    failed timestamptz := clock_timestamp();
BEGIN
    PERFORM hold_job(of_organisation, of_job, of_claim);
    UPDATE job SET attempt = attempt + counted, error = fault, fence = of_claim, failed_at = failed,
        planned_wait = - rested, tried_for = tried_longer(tried_for, failed_at, planned_wait + rested, failed)
    WHERE id = of_job;
    RETURN job_snapshot(of_job);
END $$;
