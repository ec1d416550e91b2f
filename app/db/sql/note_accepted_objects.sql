-- What the target has of an object is known in the statement that applies the answer to its record.
CREATE OR REPLACE FUNCTION note_accepted_objects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO object (organisation_id, kind, id, accepted, accepted_upload, accepted_job_id, accepted_at)
    SELECT organisation_id, kind, object_id, sent, upload, job_id, completed_at FROM became
    WHERE status IN ('succeeded', 'warning')
    -- in one order, or two runs could wait for each other
    ORDER BY organisation_id, kind, object_id
    ON CONFLICT (organisation_id, kind, id) DO UPDATE SET accepted = excluded.accepted,
        accepted_upload = excluded.accepted_upload, accepted_job_id = excluded.accepted_job_id,
        accepted_at = excluded.accepted_at;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER record_accepted AFTER UPDATE ON record
    REFERENCING NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION note_accepted_objects();
