-- Lets records go again after a failed try, `again_in` from now; those that have been tried for `horizon` are given up.
CREATE OR REPLACE FUNCTION send_again(
    of_job uuid, of_claim bigint, records uuid[], why text, again_in interval, horizon interval
) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT change_records(of_job, of_claim, NULL, jsonb_agg(jsonb_build_object(
        'id', each, 'status', 'pending', 'again_in', again_in, 'faulty', true, 'cause', why)), horizon)
    FROM unnest(records) AS each
$$;
