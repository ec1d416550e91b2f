-- Notes that a written batch leaves now. One of whose objects the target has accepted a later upload, another job has a
-- call under way, or that now stay here, is discarded instead, and is written anew. Gives `called`; or `gone`,
-- `cancelled_or_paused`, `stopped` or `discarded`, and then it must not leave.
CREATE OR REPLACE FUNCTION mark_called(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    leaving uuid[];
    carried bytea[];
BEGIN
    PERFORM FROM run WHERE id = one.run_id AND (cancel_requested_at IS NOT NULL OR pause_id IS NOT NULL);
    IF FOUND THEN
        RETURN 'cancelled_or_paused';
    END IF;
    -- What was waiting for its permit when the last answers came does not leave after them.
    IF one.errors >= one.stop_at_errors THEN
        RETURN 'stopped';
    END IF;
    SELECT record_ids, items INTO leaving, carried FROM batch WHERE id = of_batch AND job_id = of_job AND status = 'written';
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    -- One at a time until the commit: of two with the same object neither would see that the other leaves.
    PERFORM pg_advisory_xact_lock(hashtextextended(format('calls %s %s', one.organisation_id, one.kind), 0));
    -- In one statement, of one moment: a call that is answered meanwhile is seen as under way, or its answer is.
    IF EXISTS (
        SELECT FROM under_way_elsewhere(one.organisation_id, one.kind, of_job, leaving)
        UNION ALL
        SELECT FROM unnest(leaving) AS each (id) CROSS JOIN LATERAL (
            SELECT upload FROM record WHERE job_id = of_job AND object_id = each.id OFFSET 0
        ) mine CROSS JOIN LATERAL (
            SELECT accepted_upload FROM object
            WHERE organisation_id = one.organisation_id AND kind = one.kind AND id = each.id OFFSET 0
        ) known
        WHERE known.accepted_upload > mine.upload
        UNION ALL
        SELECT FROM kept_here(one.organisation_id, one.kind, one.run_id, leaving, carried)
    ) THEN
        PERFORM discard_unsent(of_organisation, of_job, of_claim, of_batch);
        RETURN 'discarded';
    END IF;
    UPDATE batch SET status = 'called', called_at = clock_timestamp(), fence = of_claim WHERE id = of_batch;
    RETURN 'called';
END $$;
