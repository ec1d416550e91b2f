-- Keeps which of the failed records that were `asked` for Skolverket has from before (`known`); gives what is open.
CREATE OR REPLACE FUNCTION note_at_target(
    of_organisation uuid, of_job uuid, of_claim bigint, asked uuid[], known uuid[]
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
BEGIN
    INSERT INTO at_target (organisation_id, job_id, object_id, held)
    SELECT one.organisation_id, of_job, each, each = ANY (known) FROM unnest(asked) AS each
    ON CONFLICT DO NOTHING;
    PERFORM note_accepted(of_job, of_claim);
    RETURN job_snapshot(of_job);
END $$;
