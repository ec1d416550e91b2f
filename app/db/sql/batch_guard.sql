CREATE OR REPLACE FUNCTION batch_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- What has not left is no history.
        IF OLD.status <> 'written' AND (
            current_setting('provkedja.history_goes', true) IS DISTINCT FROM 'on' OR OLD.finished_at IS NULL
        ) THEN
            PERFORM refuse('batch_history', format('batch %s has left and cannot be deleted', OLD.id));
        END IF;
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('provkedja.forgetting', true) = 'on' THEN
        -- What is sealed in history may go, and nothing else of it changes.
        IF to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD) || '{"request_sha256": null}' THEN
            PERFORM refuse('batch_final', format('batch %s is erased and changed in nothing else', OLD.id));
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('provkedja.sealing_anew', true) = 'on' THEN
        -- What is sealed may be sealed with another key, and nothing else of it changes.
        IF NEW.request_sha256 IS NULL OR OLD.request_sha256 IS NULL
            OR to_jsonb(NEW) - 'request_sha256' IS DISTINCT FROM to_jsonb(OLD) - 'request_sha256' THEN
            PERFORM refuse('batch_final', format('batch %s is sealed anew and changed in nothing else', OLD.id));
        END IF;
        RETURN NEW;
    END IF;
    PERFORM fenced_job(NEW.job_id, NEW.fence);
    NEW.fence := NULL;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'written' THEN
            PERFORM refuse('batch_starts_written', format('batch %s can only be created as written', NEW.id));
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.organisation_id, NEW.job_id, NEW.number, NEW.record_ids)
        IS DISTINCT FROM (OLD.id, OLD.organisation_id, OLD.job_id, OLD.number, OLD.record_ids)
        OR (NEW.items, NEW.request_digest, NEW.request_bytes, NEW.request_sha256)
        IS DISTINCT FROM (OLD.items, OLD.request_digest, OLD.request_bytes, OLD.request_sha256) THEN
        PERFORM refuse('batch_identity', format('batch %s cannot change what it carries', OLD.id));
    END IF;
    IF OLD.status IN ('answered', 'refused', 'lost') THEN
        PERFORM refuse('batch_final', format('batch %s is finished and cannot change', OLD.id));
    END IF;
    IF NEW.status <> OLD.status AND NOT lifecycle_allows('batch', OLD.status, NEW.status) THEN
        PERFORM refuse('batch_lifecycle', format('batch %s cannot go from %s to %s', OLD.id, OLD.status, NEW.status));
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER batch_guard BEFORE INSERT OR UPDATE OR DELETE ON batch FOR EACH ROW EXECUTE FUNCTION batch_guard();
