-- Notes a refusal that passes, such as too many calls, with the content of its `answer`: the records go again after a
-- while, but for those that have been tried for `horizon`. Gives what is open.
CREATE OR REPLACE FUNCTION requeue_batch(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, http_status integer,
    answer bytea, answer_sealed bytea, again_in interval, horizon interval
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    why text := 'http_' || http_status;
BEGIN
    PERFORM keep_contents(one.organisation_id, ARRAY[answer], ARRAY['batch'], ARRAY[of_batch], ARRAY[answer_sealed]);
    PERFORM send_again(of_job, of_claim, close_batch(of_job, of_claim, of_batch, 'refused', why, http_status, answer),
        why, again_in, horizon);
    RETURN job_snapshot(of_job);
END $$;
