-- The fence of every verb: acts for the job's organisation, keeps the job's row to the holder of its current claim until
-- the transaction ends, and counts that it did, so that what is read under the claim can be put in order. Ends the
-- statement with SQLSTATE LEASE when the claim no longer holds, or is one of another organisation's job.
CREATE OR REPLACE FUNCTION hold_job(of_organisation uuid, of_job uuid, of_claim bigint) RETURNS job LANGUAGE plpgsql AS $$
DECLARE
    one job;
BEGIN
    PERFORM act_for(of_organisation);
    -- In this form no index of the organisation's rows can serve it.
    UPDATE job SET changes = changes + 1, fence = of_claim
    WHERE id = of_job AND (organisation_id = of_organisation) IS TRUE AND claim = of_claim AND holder IS NOT NULL
    RETURNING * INTO one;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is not held under this claim', of_job USING ERRCODE = 'LEASE';
    END IF;
    RETURN one;
END $$;
