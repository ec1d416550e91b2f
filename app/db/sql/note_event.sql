CREATE OR REPLACE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'run' THEN
        INSERT INTO event (organisation_id, run_id, from_status, to_status)
        VALUES (NEW.organisation_id, NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status);
    ELSE
        INSERT INTO event (organisation_id, run_id, job_id, from_status, to_status, claim)
        VALUES (
            NEW.organisation_id, NEW.run_id, NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status, NEW.claim
        );
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER run_event AFTER INSERT OR UPDATE OF status ON run FOR EACH ROW EXECUTE FUNCTION note_event();
CREATE OR REPLACE TRIGGER job_event AFTER INSERT OR UPDATE OF status ON job FOR EACH ROW EXECUTE FUNCTION note_event();
