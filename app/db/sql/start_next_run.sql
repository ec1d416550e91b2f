-- Lets the next run of an activity begin, if none is under way; the caller has locked the activity. Gives the wake-ups
-- to be sent after the commit, as [[job, number, egresses]].
CREATE OR REPLACE FUNCTION start_next_run(of_organisation uuid, of_activity uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    started uuid;
BEGIN
    PERFORM act_for(of_organisation);
    UPDATE run SET status = 'running', started_at = clock_timestamp(), pause_id = pause_of(of_organisation, of_activity)
    WHERE id = (
        SELECT id FROM run
        WHERE organisation_id = of_organisation AND activity_id = of_activity AND status = 'queued'
        ORDER BY sequence LIMIT 1
    ) AND NOT EXISTS (
        SELECT FROM run ahead WHERE ahead.organisation_id = of_organisation
            AND ahead.activity_id = of_activity AND ahead.status IN ('running', 'held')
    )
    RETURNING id INTO started;
    RETURN CASE WHEN started IS NULL THEN '[]' ELSE queue_job(started, 1) END;
END $$;
