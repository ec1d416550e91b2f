-- What the target has of an object is known in the statement that applies the answer to its record, and whose EPPN it is.
-- Where the content says of no marking, the one that was known stays.
CREATE OR REPLACE FUNCTION note_accepted_objects() RETURNS trigger LANGUAGE plpgsql AS $$
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
        RETURNING organisation_id, id, eppn
    )
    INSERT INTO eppn (organisation_id, eppn, object_id)
    SELECT DISTINCT ON (organisation_id, known.eppn) organisation_id, known.eppn, id FROM known
    WHERE known.eppn IS NOT NULL ORDER BY organisation_id, known.eppn, id
    ON CONFLICT ON CONSTRAINT pk_eppn DO UPDATE SET object_id = excluded.object_id
        WHERE eppn.object_id <> excluded.object_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER record_accepted AFTER UPDATE ON record
    REFERENCING NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION note_accepted_objects();
