-- Deletes an activity of which no run is under way: what its roster has goes, as far as nothing else has it, and its plans go;
-- its runs stay, and it comes back with the next roster under its id. Who calls holds the organisation's row, so that no
-- roster is stored meanwhile. Gives {refused} where it can't be, or the `others`: rosters that have an object of it.
CREATE OR REPLACE FUNCTION delete_activity(of_organisation uuid, of_activity uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one activity;
    gone bytea[];
    others uuid[];
    planned uuid;
BEGIN
    PERFORM act_for(of_organisation);
    SELECT * INTO one FROM activity
    WHERE organisation_id = of_organisation AND id = of_activity AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refused', 'no_activity');
    END IF;
    PERFORM FROM run
    WHERE organisation_id = of_organisation AND activity_id = of_activity AND status IN ('queued', 'running', 'held');
    IF FOUND THEN
        RETURN jsonb_build_object('refused', 'under_way');
    END IF;
    -- a range is taken to be narrow: of how many rosters there were, old statistics know too little
    SELECT array_agg(DISTINCT each.digest) INTO gone FROM (
        SELECT unnest(ARRAY[source, outgoing]) AS digest FROM roster_item
        WHERE roster_id BETWEEN one.roster_id AND one.roster_id
    ) each WHERE each.digest IS NOT NULL;
    others := rosters_left_with(of_organisation, one.roster_id, NULL);
    DELETE FROM roster_item WHERE roster_id BETWEEN one.roster_id AND one.roster_id;
    DELETE FROM finding WHERE roster_id BETWEEN one.roster_id AND one.roster_id;
    FOR planned IN
        SELECT plan.id FROM plan WHERE plan.organisation_id = of_organisation AND plan.activity_id = of_activity FOR UPDATE
    LOOP
        DELETE FROM plan_item WHERE plan_id BETWEEN planned AND planned;
        DELETE FROM plan WHERE plan.organisation_id = of_organisation AND plan.id = planned;
    END LOOP;
    PERFORM forget_content(of_organisation, gone);
    UPDATE activity SET deleted_at = clock_timestamp(), display_name_sealed = NULL, counts = '{}', bytes = 0, findings_errors = 0,
        findings_warnings = 0, findings_by_code = '{}'
    WHERE organisation_id = of_organisation AND id = of_activity;
    RETURN jsonb_build_object('others', others);
END $$;
