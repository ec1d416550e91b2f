CREATE OR REPLACE FUNCTION run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'queued' THEN
            PERFORM refuse('run_starts_queued', format('run %s can only be created as queued', NEW.id));
        END IF;
        -- Never ahead of what is uploaded after it: else what was allowed for it would speak of that as well.
        NEW.created_at := least(NEW.created_at, clock_timestamp());
        RETURN NEW;
    END IF;
    IF NEW.created_at > OLD.created_at THEN
        PERFORM refuse('run_identity', format('run %s cannot have been asked for later', OLD.id));
    END IF;
    IF current_setting('provkedja.forgetting', true) = 'on' THEN
        -- How far its contents have gone by their age, and nothing else of it changes.
        IF OLD.finished_at IS NULL OR to_jsonb(NEW) - '{content_expired_at,expiring_position,expiring_from}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{content_expired_at,expiring_position,expiring_from}'::text[] THEN
            PERFORM refuse('run_final', format('run %s expires and changes in nothing else', OLD.id));
        END IF;
        IF NEW.content_expired_at IS DISTINCT FROM OLD.content_expired_at THEN
            NEW.version := OLD.version + 1;
            NEW.changed_in := pg_current_xact_id();
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.organisation_id, NEW.activity_id, NEW.sequence)
        IS DISTINCT FROM (OLD.id, OLD.organisation_id, OLD.activity_id, OLD.sequence) THEN
        PERFORM refuse('run_identity', format('run %s cannot change its identity', OLD.id));
    END IF;
    IF OLD.status = 'succeeded' THEN
        PERFORM refuse('run_final', format('run %s has succeeded and cannot change', OLD.id));
    END IF;
    IF (NEW.status, NEW.on_record_error, NEW.allow, NEW.started_at, NEW.finished_at, NEW.cancel_requested_at,
            NEW.pause_id)
        IS DISTINCT FROM (OLD.status, OLD.on_record_error, OLD.allow, OLD.started_at, OLD.finished_at, OLD.cancel_requested_at,
            OLD.pause_id)
    THEN
        NEW.version := OLD.version + 1;
        NEW.changed_in := pg_current_xact_id();
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT lifecycle_allows('run', OLD.status, NEW.status) THEN
        PERFORM refuse('run_lifecycle', format('run %s cannot go from %s to %s', OLD.id, OLD.status, NEW.status));
    END IF;
    IF OLD.status = 'queued' AND NEW.status = 'running' AND EXISTS (
        SELECT FROM run ahead
        WHERE ahead.organisation_id = NEW.organisation_id AND ahead.activity_id = NEW.activity_id
            AND ahead.sequence < NEW.sequence AND ahead.status IN ('queued', 'running', 'held')
    ) THEN
        PERFORM refuse('run_order', format('run %s cannot start before the runs ahead of it', OLD.id));
    END IF;
    IF OLD.status IN ('failed', 'cancelled') AND NEW.status = 'running' AND NEW.sequence < (
        -- in their order, which one index has
        SELECT later.sequence FROM run later
        WHERE later.organisation_id = NEW.organisation_id AND later.activity_id = NEW.activity_id
        ORDER BY later.sequence DESC LIMIT 1
    ) THEN
        PERFORM refuse('run_retry_latest', format('run %s is not the latest of its activity', OLD.id));
    END IF;
    IF NEW.status = 'succeeded' AND (
        SELECT bool_and(job.status = 'succeeded') FROM job WHERE job.run_id = NEW.id
    ) IS NOT TRUE THEN
        PERFORM refuse('run_needs_jobs', format('run %s cannot succeed before all its jobs', OLD.id));
    END IF;
    IF NEW.status IN ('failed', 'cancelled') AND EXISTS (
        SELECT FROM job WHERE job.run_id = NEW.id AND job.status IN ('waiting', 'queued', 'running', 'held')
    ) THEN
        PERFORM refuse('run_leaves_jobs', format('run %s cannot end while a job of it has not', OLD.id));
    END IF;
    NEW.outcome := CASE WHEN NEW.finished_at IS NOT NULL THEN outcome_of_run(NEW.id) END;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER run_guard BEFORE INSERT OR UPDATE ON run FOR EACH ROW EXECUTE FUNCTION run_guard();
