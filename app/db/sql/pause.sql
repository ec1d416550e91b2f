-- Pauses: nothing new of an activity leaves, or of all that an organisation has, until whoever paused it lets it go on. What
-- is out is followed to its answer; then the run under way is held, and the runs behind it wait.

-- The pause that keeps an activity: an operator's before the organisation's own, that of all activities before its own.
CREATE OR REPLACE FUNCTION pause_of(of_organisation uuid, of_activity uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM pause
    WHERE organisation_id = of_organisation AND ended_at IS NULL AND (activity_id IS NULL OR activity_id = of_activity)
    ORDER BY by = 'operator' DESC, activity_id IS NULL DESC LIMIT 1
$$;

-- Pauses an activity, or with NULL all of an organisation: `who` has asked for it, as `acting` for the organisation or as
-- operator. An operator says `why`, an organisation's reason is `sealed` for a pause of this id. Twice is once. Gives
-- {wake_ups}; or {refused}.
CREATE OR REPLACE FUNCTION pause(
    of_organisation uuid, of_activity uuid, as_id uuid, acting text, who text, why text, sealed bytea
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT lock_queues(of_organisation, of_activity, acting = 'operator') THEN
        RETURN jsonb_build_object('refused', 'no_activity');
    END IF;
    INSERT INTO pause (id, organisation_id, activity_id, by, made_by, reason, reason_sealed)
    VALUES (as_id, of_organisation, of_activity, acting, who, why, sealed) ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('wake_ups', follow_pauses(of_organisation, of_activity));
END $$;

-- Ends a pause; an operator ends the organisation's own too. Nothing that is paused is no fault. Gives {wake_ups}; or
-- {refused}.
CREATE OR REPLACE FUNCTION resume(of_organisation uuid, of_activity uuid, acting text, who text) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT lock_queues(of_organisation, of_activity, acting = 'operator') THEN
        RETURN jsonb_build_object('refused', 'no_activity');
    END IF;
    UPDATE pause SET ended_at = clock_timestamp(), ended_by = who
    WHERE organisation_id = of_organisation AND activity_id IS NOT DISTINCT FROM of_activity AND ended_at IS NULL
        AND (by = acting OR acting = 'operator');
    RETURN jsonb_build_object('wake_ups', follow_pauses(of_organisation, of_activity));
END $$;

-- Locks an activity, or with NULL the organisation: no run of it is accepted or tried again meanwhile. Tells whether it is
-- there; one that has been deleted is for those who may see that (`deleted_too`).
CREATE OR REPLACE FUNCTION lock_queues(of_organisation uuid, of_activity uuid, deleted_too boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for(of_organisation);
    IF of_activity IS NULL THEN
        PERFORM FROM organisation WHERE id = of_organisation FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM activity
        WHERE organisation_id = of_organisation AND id = of_activity AND (deleted_too OR deleted_at IS NULL)
        FOR NO KEY UPDATE;
    END IF;
    RETURN FOUND;
END $$;

-- Brings the runs under way of an activity, or with NULL of all that the organisation has, in line with the pauses that
-- there are now. Whoever starts a run has its activity locked, so that each is seen here or sees the pause itself. Gives the
-- wake-ups to be sent after the commit, as [[job, number, egresses]].
CREATE OR REPLACE FUNCTION follow_pauses(of_organisation uuid, of_activity uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    queue uuid;
    queues uuid[] := '{}';
    wake_ups jsonb := '[]';
BEGIN
    FOR queue IN
        SELECT activity_id FROM (
            -- each over the index of its own states
            SELECT activity_id FROM run WHERE organisation_id = of_organisation AND status IN ('running', 'held')
            UNION
            SELECT activity_id FROM run WHERE organisation_id = of_organisation AND status = 'queued'
        ) live WHERE of_activity IS NULL OR activity_id = of_activity ORDER BY activity_id
    LOOP
        PERFORM FROM activity WHERE organisation_id = of_organisation AND id = queue FOR NO KEY UPDATE;
        queues := queues || queue;
    END LOOP;
    -- Whoever claims one of the jobs at this moment is waited for: the next look sees it as running. In the order of their
    -- ids, as free_claims locks those of many activities: else each of the two could wait for the other.
    PERFORM FROM job WHERE id = ANY (ARRAY(
        SELECT live.id FROM run CROSS JOIN LATERAL (
            SELECT id FROM job WHERE job.run_id = run.id AND job.status IN ('queued', 'running') OFFSET 0
        ) live
        WHERE run.organisation_id = of_organisation AND run.activity_id = ANY (queues)
            AND run.status IN ('running', 'held')
    )) ORDER BY id FOR NO KEY UPDATE;
    FOREACH queue IN ARRAY queues LOOP
        wake_ups := wake_ups || follow_pause(of_organisation, queue);
    END LOOP;
    RETURN wake_ups;
END $$;

CREATE OR REPLACE FUNCTION follow_pause(of_organisation uuid, of_activity uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    paused CONSTANT uuid := pause_of(of_organisation, of_activity);
    one run;
    wake_ups jsonb;
BEGIN
    SELECT * INTO one FROM run
    WHERE organisation_id = of_organisation AND activity_id = of_activity AND status IN ('running', 'held')
    FOR NO KEY UPDATE;
    IF NOT FOUND OR one.pause_id IS NOT DISTINCT FROM paused THEN
        RETURN '[]';
    END IF;
    IF one.status = 'held' AND paused IS NULL THEN
        -- One statement: each of the two refers to the state of the other.
        WITH goes_on AS (UPDATE run SET status = 'running', pause_id = NULL WHERE id = one.id RETURNING id)
        UPDATE job SET status = 'queued', due_at = clock_timestamp() + suspect_wait(worker_deaths),
            wake_up = wake_up + 1, notified_at = clock_timestamp() + suspect_wait(worker_deaths)
        FROM goes_on WHERE job.run_id = goes_on.id AND job.status = 'held';
    ELSE
        UPDATE run SET pause_id = paused WHERE id = one.id;
        PERFORM hold_queued(one.id);
        -- Whoever works on it sees it in its next look; a suspect waits as long as it would have.
        UPDATE job SET due_at = CASE WHEN holder IS NULL AND worker_deaths < 2 THEN clock_timestamp() ELSE due_at END,
            wake_up = wake_up + 1, notified_at = greatest(due_at, clock_timestamp()), fence = claim
        WHERE run_id = one.id AND status = 'running';
    END IF;
    SELECT jsonb_agg(jsonb_build_array(id, wake_up, held_egresses())) INTO wake_ups FROM job
    WHERE run_id = one.id AND status IN ('queued', 'running');
    RETURN coalesce(wake_ups, '[]');
END $$;

-- Holds the queued job of a run that is paused, if it has one, and the run with it. Whoever calls has the job locked: one
-- that is claimed meanwhile would be left behind by its run.
CREATE OR REPLACE FUNCTION hold_queued(of_run uuid) RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH stops AS (
        UPDATE run SET status = 'held' WHERE id = of_run AND pause_id IS NOT NULL
            AND EXISTS (SELECT FROM job WHERE job.run_id = of_run AND job.status = 'queued')
        RETURNING id
    )
    UPDATE job SET status = 'held', due_at = NULL FROM stops WHERE job.run_id = stops.id AND job.status = 'queued'
$$;

CREATE OR REPLACE FUNCTION pause_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('provkedja.forgetting', true) = 'on' THEN
        -- What is sealed may go, with all else of its organisation, and nothing else changes.
        IF to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD) || '{"reason_sealed": null}' THEN
            PERFORM refuse('pause_final', format('pause %s is erased and changed in nothing else', OLD.id));
        END IF;
        RETURN NEW;
    END IF;
    IF current_setting('provkedja.sealing_anew', true) = 'on' THEN
        -- What is sealed may be sealed with another key, and nothing else of it changes.
        IF NEW.reason_sealed IS NULL OR OLD.reason_sealed IS NULL
            OR to_jsonb(NEW) - 'reason_sealed' IS DISTINCT FROM to_jsonb(OLD) - 'reason_sealed' THEN
            PERFORM refuse('pause_final', format('pause %s is sealed anew and changed in nothing else', OLD.id));
        END IF;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - '{ended_at,ended_by}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{ended_at,ended_by}'::text[]
        OR OLD.ended_at IS NOT NULL THEN
        PERFORM refuse('pause_final', format('pause %s ends once, and changes in nothing else', OLD.id));
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER pause_guard BEFORE UPDATE ON pause FOR EACH ROW EXECUTE FUNCTION pause_guard();
CREATE OR REPLACE TRIGGER pause_kept BEFORE DELETE ON pause FOR EACH ROW EXECUTE FUNCTION history_guard();
