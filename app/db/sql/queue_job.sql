-- Makes the job at a place in a run due, or holds it while the run is paused; gives the wake-up to be sent after the commit,
-- as [[job, number, egresses]], and NULL when the run has no such job.
CREATE OR REPLACE FUNCTION queue_job(of_run uuid, place integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    wake_ups jsonb;
BEGIN
    UPDATE job SET status = 'queued', due_at = clock_timestamp(), wake_up = wake_up + 1,
        notified_at = clock_timestamp()
    WHERE run_id = of_run AND position = place
    RETURNING jsonb_build_array(jsonb_build_array(id, wake_up, held_egresses())) INTO wake_ups;
    IF wake_ups IS NOT NULL THEN
        PERFORM FROM run WHERE id = of_run AND pause_id IS NOT NULL;
        IF FOUND THEN
            PERFORM hold_queued(of_run);
            RETURN '[]';
        END IF;
    END IF;
    RETURN wake_ups;
END $$;
