-- Asks for a run's end: at once if nothing of it is at the target, else after the answers that are under way. Asking twice
-- is asking once. Gives {wake_ups}; or {refused}, with its status when it is finished.
CREATE OR REPLACE FUNCTION cancel_run(of_organisation uuid, of_run uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one run;
    wake_ups jsonb;
BEGIN
    PERFORM act_for(of_organisation);
    one := lock_run(of_organisation, of_run);
    IF one.id IS NULL THEN
        RETURN jsonb_build_object('refused', 'no_run');
    ELSIF one.status NOT IN ('queued', 'running', 'held') THEN
        RETURN jsonb_build_object('refused', 'finished', 'status', one.status);
    END IF;
    UPDATE run SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()) WHERE id = of_run;
    UPDATE job SET status = 'cancelled', finished_at = clock_timestamp(), due_at = NULL
    WHERE run_id = of_run AND status IN ('waiting', 'queued', 'held');
    WITH under_way AS (
        UPDATE job SET due_at = CASE WHEN holder IS NULL THEN clock_timestamp() ELSE due_at END,
            wake_up = wake_up + 1, notified_at = clock_timestamp(), fence = claim
        WHERE run_id = of_run AND status = 'running' RETURNING id, wake_up
    )
    SELECT jsonb_agg(jsonb_build_array(id, wake_up, held_egresses())) INTO wake_ups FROM under_way;
    IF wake_ups IS NULL THEN
        UPDATE run SET status = 'cancelled', finished_at = clock_timestamp(), pause_id = NULL WHERE id = of_run;
        wake_ups := start_next_run(of_organisation, one.activity_id);
    END IF;
    RETURN jsonb_build_object('wake_ups', wake_ups);
END $$;
