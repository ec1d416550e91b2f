-- A content is what its digest says: it never changes, but may be sealed anew, and goes through `forget_content`,
-- `erase_objects` and `expire_objects` alone.
CREATE OR REPLACE FUNCTION content_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('provkedja.forgetting', true) IS DISTINCT FROM 'on' THEN
            PERFORM refuse('content_kept', 'a content goes through forget_content, erase_objects and expire_objects alone');
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.organisation_id, NEW.digest, NEW.kind, NEW.object_id, NEW.marking, NEW.eppn, NEW.civic_no, NEW.name)
        IS DISTINCT FROM (OLD.organisation_id, OLD.digest, OLD.kind, OLD.object_id, OLD.marking, OLD.eppn, OLD.civic_no,
            OLD.name) THEN
        PERFORM refuse('content_identity', 'a content cannot become another');
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER content_guard BEFORE UPDATE OR DELETE ON content
    FOR EACH ROW EXECUTE FUNCTION content_guard();
