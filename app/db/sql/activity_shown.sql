-- What a run shows of its activity is a name, or none once it is deleted: a new roster changes nothing of that, nor does
-- another key that seals the name. Who gives the same name again leaves it as it was sealed.
CREATE OR REPLACE FUNCTION activity_shown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.display_name_sealed IS DISTINCT FROM OLD.display_name_sealed
        AND current_setting('provkedja.sealing_anew', true) IS DISTINCT FROM 'on' THEN
        NEW.shown_version := OLD.shown_version + 1;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER activity_shown BEFORE UPDATE OF display_name_sealed ON activity
    FOR EACH ROW EXECUTE FUNCTION activity_shown();
