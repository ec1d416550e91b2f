-- Notes when to ask again for an answer that could not be had now; gives what is open.
CREATE OR REPLACE FUNCTION postpone_poll(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, poll_in interval
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    failed timestamptz := clock_timestamp();
BEGIN
    UPDATE batch SET next_poll_at = failed + poll_in, fence = of_claim, failed_at = failed,
        tried_for = tried_longer(tried_for, failed_at, planned_wait + one.rested, failed),
        planned_wait = poll_in - one.rested
    WHERE id = of_batch;
    RETURN job_snapshot(of_job);
END $$;
