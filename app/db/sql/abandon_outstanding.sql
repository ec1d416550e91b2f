-- Closes everything of a job that is out, for one that ends without its answers. Gives what is open.
CREATE OR REPLACE FUNCTION abandon_outstanding(
    of_organisation uuid, of_job uuid, of_claim bigint, why text
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM discard_unsent(of_organisation, of_job, of_claim, NULL);
    PERFORM lose_batch(of_job, of_claim, id, why, interval '0', NULL)
    FROM batch WHERE job_id = of_job AND status IN ('called', 'accepted');
    RETURN job_snapshot(of_job);
END $$;
