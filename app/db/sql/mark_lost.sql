-- Notes that nobody will ever know what became of a batch, as `lose_batch` has it; gives what is open.
CREATE OR REPLACE FUNCTION mark_lost(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, why text, again_in interval, horizon interval
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_job(of_organisation, of_job, of_claim);
    PERFORM lose_batch(of_job, of_claim, of_batch, why, again_in, horizon);
    RETURN job_snapshot(of_job);
END $$;
