-- Freezes which objects an activity's roster has into a new run, at the end of the activity's queue; each in its latest
-- upload in the organisation, whichever activity that is of. Digests are copied, and no content. `jobs` are the ids of its
-- jobs in their order, with their `kinds`, and at how many errors each is to `stop_at`, if at all. Gives {wake_ups}; or {refused} without the activity, when so many runs of it
-- (`most_here`) or of the organisation (`most_together`) wait already, and when the roster has no objects `before` which
-- some were sent, unless that is among what is `allowed`.
CREATE OR REPLACE FUNCTION accept_run(
    of_organisation uuid, of_activity uuid, of_run uuid, jobs uuid[], kinds text[], record_errors text, of_key uuid,
    key_name text, most_here integer, most_together integer, allowed text[],
    stop_at integer[]
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    here integer;
    together integer;
    before bigint;
BEGIN
    PERFORM act_for(of_organisation);
    -- What a roster that is being replaced or deleted takes with it may be what this run freezes: one waits for the other.
    PERFORM FROM organisation WHERE id = of_organisation FOR SHARE;
    PERFORM FROM activity
    WHERE organisation_id = of_organisation AND id = of_activity AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refused', 'no_activity');
    END IF;
    SELECT count(*) FILTER (WHERE activity_id = of_activity), count(*) INTO here, together FROM run
    WHERE organisation_id = of_organisation AND status = 'queued';
    IF here >= most_here THEN
        RETURN jsonb_build_object('refused', 'activity_full');
    ELSIF together >= most_together THEN
        RETURN jsonb_build_object('refused', 'organisation_full');
    END IF;
    IF 'shrinks' <> ALL (allowed) AND NOT EXISTS (
        SELECT FROM activity CROSS JOIN jsonb_each_text(activity.counts) AS count (kind, number)
        WHERE activity.organisation_id = of_organisation AND activity.id = of_activity AND number::integer > 0
    ) THEN
        SELECT sum(number) INTO before FROM last_sent(of_organisation, of_activity);
        IF before > 0 THEN
            RETURN jsonb_build_object('refused', 'roster_shrinks', 'before', before);
        END IF;
    END IF;
    WITH queue AS (
        UPDATE activity SET last_sequence = last_sequence + 1
        WHERE organisation_id = of_organisation AND id = of_activity
        RETURNING last_sequence, version
    )
    INSERT INTO run (id, organisation_id, activity_id, sequence, on_record_error, requested_by_id, requested_by_name,
        roster_version, allow)
    SELECT of_run, of_organisation, of_activity, last_sequence, record_errors, of_key, key_name, version, allowed
    FROM queue;
    INSERT INTO job (id, organisation_id, activity_id, run_id, position, kind, stop_at_errors, created_at, total, pending)
    SELECT planned.id, of_organisation, of_activity, of_run, planned.position, planned.kind, planned.most, run.created_at,
        (activity.counts ->> planned.kind)::integer, (activity.counts ->> planned.kind)::integer
    FROM unnest(jobs, kinds, stop_at) WITH ORDINALITY AS planned (id, kind, most, position), run, activity
    WHERE run.id = of_run AND activity.organisation_id = of_organisation AND activity.id = of_activity;
    INSERT INTO record (organisation_id, job_id, object_id, run_id, kind, ordinal, source, outgoing, upload, refs,
        role, school_year, school_unit, more_units, protected, sendable, issues)
    SELECT item.organisation_id, job.id, item.object_id, job.run_id, item.kind, item.ordinal, latest.source,
        latest.outgoing, latest.upload, latest.refs, latest.role, latest.school_year, latest.school_unit,
        -- by its duties a person is of the units that the run's own roster says, too
        CASE WHEN item.more_units IS NULL OR latest.roster_id = item.roster_id THEN latest.more_units
            ELSE item.more_units || coalesce(latest.more_units, '{}') END,
        latest.protected, latest.sendable, latest.issues
    FROM activity CROSS JOIN LATERAL (
        -- a range is taken to be narrow: of how many rosters there were, old statistics know too little
        SELECT * FROM roster_item WHERE roster_id BETWEEN activity.roster_id AND activity.roster_id OFFSET 0
    ) item CROSS JOIN LATERAL (
        SELECT * FROM roster_item other
        WHERE other.organisation_id = item.organisation_id AND other.object_id = item.object_id
            AND other.kind = item.kind
        ORDER BY other.upload DESC LIMIT 1
    ) latest
    JOIN job ON job.run_id = of_run AND job.kind = item.kind
    WHERE activity.organisation_id = of_organisation AND activity.id = of_activity;
    RETURN jsonb_build_object('wake_ups', start_next_run(of_organisation, of_activity));
END $$;
