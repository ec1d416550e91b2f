-- Lets go of a job until `wait` has passed; when its run has been cancelled, or is paused, and that was decided without
-- knowing it (`cancelled`, `paused`), it is due at once. Gives the wake-up to be sent after the commit, as [number, seconds from now].
CREATE OR REPLACE FUNCTION snooze(
    of_organisation uuid, of_job uuid, of_claim bigint, wait interval, cancelled boolean, paused boolean
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job;
    rest interval;
    number bigint;
BEGIN
    one := hold_job(of_organisation, of_job, of_claim);
    SELECT CASE WHEN cancel_requested_at IS NOT NULL AND NOT cancelled
            OR (pause_id IS NOT NULL) IS DISTINCT FROM paused THEN interval '0' ELSE wait END INTO rest
    FROM run WHERE id = one.run_id;
    UPDATE job SET fence = of_claim, holder = NULL, worker_deaths = 0, sole_deaths = 0,
        suspect_since = NULL, accused_by = NULL, accused_alone = false, rests = 0, internal_rests = 0, rest_code = NULL, rested = rested + rest,
        due_at = clock_timestamp() + rest, wake_up = wake_up + 1, notified_at = clock_timestamp() + rest
    WHERE id = of_job RETURNING wake_up INTO number;
    RETURN jsonb_build_array(number, extract(epoch FROM rest));
END $$;
