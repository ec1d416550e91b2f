-- Looks at a job anew; gives what is open.
CREATE OR REPLACE FUNCTION refresh_work(
    of_organisation uuid, of_job uuid, of_claim bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_job(of_organisation, of_job, of_claim);
    RETURN job_snapshot(of_job);
END $$;
