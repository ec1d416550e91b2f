-- What the target has of an object is known in the statement that applies the answer to its record, and whose EPPN it is.
-- Where the content says of no marking, the one that was known stays.
CREATE OR REPLACE FUNCTION note_accepted_objects() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowing uuid[];
BEGIN
    -- Where somebody is erased nothing has been accepted anew.
    IF current_setting('provkedja.forgetting', true) = 'on' THEN
        RETURN NULL;
    END IF;
    WITH known AS (
        INSERT INTO object (organisation_id, kind, id, accepted, accepted_upload, accepted_job_id, accepted_at, marking,
            eppn, civic_no, name)
        SELECT organisation_id, kind, object_id, sent, upload, job_id, completed_at,
            coalesce(traits.marking, before.marking, 0),
            traits.eppn, traits.civic_no, traits.name
        FROM became LEFT JOIN LATERAL (
            SELECT content.marking, content.eppn, content.civic_no, content.name FROM content
            WHERE content.organisation_id = became.organisation_id AND content.digest = became.sent
                AND became.kind = 'persons' OFFSET 0
        ) traits ON true LEFT JOIN LATERAL (
            SELECT object.marking FROM object
            WHERE object.organisation_id = became.organisation_id AND object.kind = became.kind
                AND object.id = became.object_id AND became.kind = 'persons' AND traits.marking IS NULL OFFSET 0
        ) before ON true
        WHERE status IN ('succeeded', 'warning')
        -- in one order, or two runs could wait for each other
        ORDER BY organisation_id, kind, object_id
        ON CONFLICT (organisation_id, kind, id) DO UPDATE SET accepted = excluded.accepted,
            accepted_upload = excluded.accepted_upload, accepted_job_id = excluded.accepted_job_id,
            accepted_at = excluded.accepted_at, marking = excluded.marking, eppn = excluded.eppn,
            civic_no = excluded.civic_no, name = excluded.name
        RETURNING organisation_id, kind, id, marking, eppn
    ), marked AS (
        -- one that was frozen before others allowed less
        INSERT INTO protected_object (organisation_id, object_id, kind)
        SELECT organisation_id, id, kind FROM known WHERE marking > 0 ORDER BY id
        ON CONFLICT DO NOTHING
    )
    INSERT INTO eppn (organisation_id, eppn, object_id)
    SELECT DISTINCT ON (organisation_id, known.eppn) organisation_id, known.eppn, id FROM known
    WHERE known.eppn IS NOT NULL ORDER BY organisation_id, known.eppn, id
    ON CONFLICT ON CONSTRAINT pk_eppn DO UPDATE SET object_id = excluded.object_id
        WHERE eppn.object_id <> excluded.object_id;
    -- Who was protected is so no more where the target has them as not protected, no current roster says otherwise, and
    -- the run, asked for after the last upload that did, allows it. An object that was there already counts as well.
    allowing := ARRAY(
        SELECT caller.id FROM (
            SELECT DISTINCT run_id FROM became WHERE status IN ('succeeded', 'warning', 'unchanged')
        ) each CROSS JOIN LATERAL (
            SELECT run.id FROM run WHERE run.id = each.run_id AND 'weaker_marking' = ANY (run.allow) OFFSET 0
        ) caller
    );
    IF allowing <> '{}' THEN
        WITH lowered AS (
            SELECT one.organisation_id, one.object_id, one.kind, run.created_at
            FROM became JOIN run ON run.id = became.run_id
            JOIN protected_object one ON one.organisation_id = became.organisation_id
                AND one.object_id = became.object_id AND one.kind = became.kind
            WHERE became.run_id = ANY (allowing) AND became.status IN ('succeeded', 'warning', 'unchanged')
                AND EXISTS (
                    SELECT FROM object WHERE object.organisation_id = became.organisation_id
                        AND object.kind = became.kind AND object.id = became.object_id AND object.marking = 0
                    OFFSET 0
                ) AND NOT EXISTS (
                    SELECT FROM roster_item item WHERE item.object_id = became.object_id AND item.protected
                        AND item.organisation_id = became.organisation_id AND item.kind = became.kind
                    OFFSET 0
                )
            ORDER BY one.object_id, one.kind FOR UPDATE OF one
        )
        DELETE FROM protected_object USING lowered
        WHERE protected_object.organisation_id = lowered.organisation_id
            AND protected_object.object_id = lowered.object_id AND protected_object.kind = lowered.kind
            AND protected_object.marked_at < lowered.created_at;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER record_accepted AFTER UPDATE ON record
    REFERENCING NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION note_accepted_objects();
