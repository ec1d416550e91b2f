-- When an upload marked somebody last is the database's to say, and never before it was: else whoever writes could have it
-- older than what was allowed before. The clock is read here, with the row in hand.
CREATE OR REPLACE FUNCTION protected_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.organisation_id, NEW.object_id, NEW.kind) <> (OLD.organisation_id, OLD.object_id, OLD.kind)
    THEN
        PERFORM refuse('protected_identity', 'that somebody was marked cannot become another''s');
    END IF;
    NEW.marked_at := greatest(OLD.marked_at, clock_timestamp());
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER protected_guard BEFORE INSERT OR UPDATE ON protected_object
    FOR EACH ROW EXECUTE FUNCTION protected_guard();
