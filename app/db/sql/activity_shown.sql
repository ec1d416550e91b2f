-- What a run shows of its activity is a name, or none once it is deleted: a new roster changes nothing of that.
CREATE OR REPLACE FUNCTION activity_shown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.display_name, NEW.deleted_at IS NULL) IS DISTINCT FROM (OLD.display_name, OLD.deleted_at IS NULL) THEN
        NEW.shown_version := OLD.shown_version + 1;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER activity_shown BEFORE UPDATE OF display_name, deleted_at ON activity
    FOR EACH ROW EXECUTE FUNCTION activity_shown();
