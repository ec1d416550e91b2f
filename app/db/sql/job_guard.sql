CREATE OR REPLACE FUNCTION job_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'waiting' THEN
            PERFORM refuse('job_starts_waiting', format('job %s can only be created as waiting', NEW.id));
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.organisation_id, NEW.activity_id, NEW.run_id, NEW.position, NEW.kind)
        IS DISTINCT FROM (OLD.id, OLD.organisation_id, OLD.activity_id, OLD.run_id, OLD.position, OLD.kind) THEN
        PERFORM refuse('job_identity', format('job %s cannot change its identity', OLD.id));
    END IF;
    IF OLD.status = 'succeeded' THEN
        PERFORM refuse('job_final', format('job %s has succeeded and cannot change', OLD.id));
    END IF;
    IF NEW.status <> OLD.status AND NOT lifecycle_allows('job', OLD.status, NEW.status) THEN
        PERFORM refuse('job_lifecycle', format('job %s cannot go from %s to %s', OLD.id, OLD.status, NEW.status));
    END IF;
    IF OLD.status = 'running' AND NEW.fence IS DISTINCT FROM OLD.claim THEN
        PERFORM refuse('job_fence', format('job %s is held under another claim', OLD.id));
    END IF;
    NEW.fence := NULL;
    IF (NEW.status, NEW.attempt, NEW.error, NEW.started_at, NEW.finished_at, NEW.stop_at_errors, NEW.pending, NEW.sent, NEW.unchanged,
            NEW.succeeded, NEW.warnings, NEW.errors, NEW.skipped)
        IS DISTINCT FROM (OLD.status, OLD.attempt, OLD.error, OLD.started_at, OLD.finished_at, OLD.stop_at_errors,
            OLD.pending, OLD.sent, OLD.unchanged, OLD.succeeded, OLD.warnings, OLD.errors, OLD.skipped) THEN
        NEW.version := OLD.version + 1;
        NEW.changed_in := pg_current_xact_id();
    END IF;
    IF NEW.claim <> OLD.claim THEN
        IF NEW.claim < OLD.claim OR NEW.status <> 'running' THEN
            PERFORM refuse('job_claim', format('job %s can only be claimed with a higher number', OLD.id));
        END IF;
        IF OLD.holder IS NOT NULL THEN
            PERFORM refuse('job_held', format('job %s is held by another worker', OLD.id));
        END IF;
        IF NOT EXISTS (SELECT FROM epoch WHERE epoch.id = NEW.holder AND epoch.state = 'holds') THEN
            PERFORM refuse('job_holder', format('job %s is claimed by somebody who may not call', OLD.id));
        END IF;
    ELSIF OLD.status = 'queued' AND NEW.status = 'running' THEN
        PERFORM refuse('job_claim', format('job %s cannot start without a claim', OLD.id));
    END IF;
    IF OLD.status = 'running' AND NEW.status <> 'running' THEN
        IF EXISTS (
            -- the first in the order of the index: any one might be looked for in the whole table
            SELECT FROM unnest(ARRAY['sent', CASE NEW.status WHEN 'succeeded' THEN 'pending' END]) AS left_over
            CROSS JOIN LATERAL (
                SELECT FROM record WHERE record.run_id = NEW.run_id AND record.kind = NEW.kind
                    AND record.status = left_over
                ORDER BY record.ordinal LIMIT 1
            ) first
        ) THEN
            PERFORM refuse('job_leaves_records', format('job %s cannot end while a record of it has not', OLD.id));
        END IF;
        IF EXISTS (
            SELECT FROM batch WHERE batch.job_id = NEW.id AND batch.status IN ('written', 'called', 'accepted')
        ) THEN
            PERFORM refuse('job_leaves_batches', format('job %s cannot end while a batch of it is out', OLD.id));
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER job_guard BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_guard();
