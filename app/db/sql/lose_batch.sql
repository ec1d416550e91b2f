-- Closes a batch of which nobody will ever know what became of it: its records go again, but for those that have been
-- tried for `horizon`, or without `again_in` end in error.
CREATE OR REPLACE FUNCTION lose_batch(
    of_job uuid, of_claim bigint, of_batch uuid, why text, again_in interval, horizon interval
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    records uuid[] := close_batch(of_job, of_claim, of_batch, 'lost', why);
BEGIN
    IF again_in IS NOT NULL THEN
        PERFORM send_again(of_job, of_claim, records, why, again_in, horizon);
    ELSE
        PERFORM change_records(of_job, of_claim, NULL, jsonb_agg(jsonb_build_object('id', each, 'status', 'error',
            'issues', jsonb_build_array(jsonb_build_object('code', why, 'severity', 'error')))), NULL)
        FROM unnest(records) AS each;
    END IF;
END $$;
