-- Notes that Skolverket has answered a call of a job: what fails from now on has been tried for no time yet.
CREATE OR REPLACE FUNCTION note_accepted(of_job uuid, of_claim bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE job SET last_accepted_at = clock_timestamp(), tried_for = '0', failed_at = NULL, planned_wait = NULL,
        error = NULL, fence = of_claim
    WHERE id = of_job
$$;
