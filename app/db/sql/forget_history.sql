-- Deletes of a run that ended before `before`, and whose contents have gone by their age, `most` records at a time, and at last the
-- run itself with its jobs, calls and events. It stays while its activity is there and no later run of it has sent anything:
-- what was sent last is what the next roster is held against. An object of which neither a run nor a roster is left goes
-- with its last record. Gives whether anything was done.
CREATE OR REPLACE FUNCTION forget_run(of_organisation uuid, of_run uuid, before timestamptz, most integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    one run;
    jobs uuid[];
    stage job;
    ids uuid[];
    lonely uuid[];
BEGIN
    PERFORM act_for(of_organisation);
    -- No roster is stored and no run accepted meanwhile.
    PERFORM FROM organisation WHERE id = of_organisation FOR NO KEY UPDATE;
    SELECT * INTO one FROM run
    WHERE id = of_run AND (organisation_id = of_organisation) IS TRUE AND finished_at < before
        AND content_expired_at IS NOT NULL
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM activity
    WHERE organisation_id = of_organisation AND id = one.activity_id AND deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM (
            SELECT id, status FROM run later
            WHERE later.organisation_id = of_organisation AND later.activity_id = one.activity_id
                AND later.sequence > one.sequence OFFSET 0
        ) later
        WHERE status IN ('queued', 'running', 'held', 'succeeded') OR EXISTS (
            SELECT FROM job WHERE job.run_id = later.id AND job.total > job.pending + job.skipped
        )
    );
    IF FOUND THEN
        RETURN false;
    END IF;
    PERFORM set_config('provkedja.history_goes', 'on', true);
    -- Who names another goes first.
    FOR stage IN SELECT * FROM job WHERE run_id = of_run ORDER BY position DESC LOOP
        -- in the order of the key, which one index has
        ids := ARRAY(SELECT object_id FROM record WHERE job_id = stage.id ORDER BY job_id, object_id LIMIT most);
        CONTINUE WHEN ids = '{}';
        DELETE FROM at_target WHERE job_id = stage.id AND object_id = ANY (ids);
        DELETE FROM record WHERE job_id = stage.id AND object_id = ANY (ids);
        lonely := ARRAY(
            SELECT given.id FROM unnest(ids) AS given (id) LEFT JOIN LATERAL (
                SELECT true AS there FROM record WHERE record.object_id = given.id
                    AND record.organisation_id = of_organisation AND record.kind = stage.kind LIMIT 1
            ) sent ON true LEFT JOIN LATERAL (
                SELECT true AS there FROM roster_item item WHERE item.object_id = given.id
                    AND item.organisation_id = of_organisation AND item.kind = stage.kind LIMIT 1
            ) wanted ON true
            WHERE sent.there IS NULL AND wanted.there IS NULL
        );
        DELETE FROM object WHERE organisation_id = of_organisation AND kind = stage.kind AND id = ANY (lonely);
        IF stage.kind = 'persons' THEN
            DELETE FROM eppn WHERE organisation_id = of_organisation AND object_id = ANY (lonely);
        END IF;
        PERFORM set_config('provkedja.history_goes', 'off', true);
        RETURN true;
    END LOOP;
    jobs := ARRAY(SELECT id FROM job WHERE run_id = of_run);
    UPDATE task SET after_job = NULL WHERE after_job = ANY (jobs);
    DELETE FROM batch WHERE organisation_id = of_organisation AND job_id = ANY (jobs);
    DELETE FROM event WHERE organisation_id = of_organisation AND run_id = of_run;
    DELETE FROM job WHERE run_id = of_run;
    DELETE FROM run WHERE id = of_run;
    PERFORM set_config('provkedja.history_goes', 'off', true);
    RETURN true;
END $$;

-- Deletes those of some rosters of an organisation that were replaced before `before`. The one that an activity has had last
-- stays with it. That somebody was marked goes with them: what was marked last before `before`, is in no roster and no run
-- any more, and is named by nothing that is kept.
CREATE OR REPLACE FUNCTION forget_rosters(of_organisation uuid, rosters uuid[], before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    unknown uuid[];
    kinds text[];
    named uuid[];
BEGIN
    PERFORM act_for(of_organisation);
    PERFORM set_config('provkedja.history_goes', 'on', true);
    DELETE FROM roster USING unnest(rosters) AS given (id) CROSS JOIN LATERAL (
        SELECT one.ctid AS place, one.activity_id, one.version FROM roster one
        WHERE one.organisation_id = of_organisation AND one.id = given.id OFFSET 0
    ) old CROSS JOIN LATERAL (
        SELECT later.created_at AS at FROM roster later
        WHERE later.organisation_id = of_organisation AND later.activity_id = old.activity_id
            AND later.version > old.version
        ORDER BY later.version LIMIT 1
    ) replaced
    WHERE roster.ctid = old.place AND replaced.at < before;
    SELECT array_agg(one.object_id), array_agg(one.kind) INTO unknown, kinds FROM protected_object one
    LEFT JOIN LATERAL (
        SELECT true AS there FROM record
        WHERE record.object_id = one.object_id AND record.organisation_id = of_organisation AND record.kind = one.kind
        LIMIT 1
    ) sent ON true LEFT JOIN LATERAL (
        SELECT true AS there FROM roster_item item
        WHERE item.object_id = one.object_id AND item.organisation_id = of_organisation AND item.kind = one.kind
        LIMIT 1
    ) wanted ON true
    WHERE one.organisation_id = of_organisation AND one.marked_at < before
        AND sent.there IS NULL AND wanted.there IS NULL;
    IF unknown IS NOT NULL THEN
        named := named_among(of_organisation, unknown);
        DELETE FROM protected_object USING unnest(unknown, kinds) AS given (id, kind)
        WHERE protected_object.organisation_id = of_organisation AND protected_object.object_id = given.id
            AND protected_object.kind = given.kind AND given.id <> ALL (named)
            -- not who has been marked again meanwhile
            AND protected_object.marked_at < before;
    END IF;
    PERFORM set_config('provkedja.history_goes', 'off', true);
END $$;

-- Deletes those of some pauses of an organisation that ended before `before`.
CREATE OR REPLACE FUNCTION forget_pauses(of_organisation uuid, pauses uuid[], before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for(of_organisation);
    PERFORM set_config('provkedja.history_goes', 'on', true);
    DELETE FROM pause WHERE id = ANY (pauses) AND (organisation_id = of_organisation) IS TRUE AND ended_at < before;
    PERFORM set_config('provkedja.history_goes', 'off', true);
END $$;
