-- Notes that Skolverket took a batch, and the job under which it will answer; gives what is open.
CREATE OR REPLACE FUNCTION accept_batch(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, http_status integer, remote_job_id text,
    poll_in interval
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    accepted timestamptz := clock_timestamp();
BEGIN
    UPDATE batch SET status = 'accepted', answered_at = accepted, http_status = accept_batch.http_status,
        remote_job_id = accept_batch.remote_job_id, next_poll_at = accepted + poll_in, fence = of_claim,
        failed_at = accepted, planned_wait = poll_in - one.rested
    WHERE id = of_batch;
    PERFORM note_accepted(of_job, of_claim);
    RETURN job_snapshot(of_job);
END $$;
