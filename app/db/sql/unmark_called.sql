-- Takes back the note that a batch leaves, when it is certain that it has not: it may leave later, as it stands. Gives
-- what is open.
CREATE OR REPLACE FUNCTION unmark_called(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_job(of_organisation, of_job, of_claim);
    UPDATE batch SET status = 'written', called_at = NULL, fence = of_claim WHERE id = of_batch AND status = 'called';
    RETURN job_snapshot(of_job);
END $$;
