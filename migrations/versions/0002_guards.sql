-- The graphs of app/domain/lifecycle.py as they are at this migration.
CREATE FUNCTION lifecycle_allows(kind text, was text, becomes text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (kind, was, becomes) IN (
        ('run', 'queued', 'running'), ('run', 'queued', 'cancelled'),
        ('run', 'running', 'succeeded'), ('run', 'running', 'failed'), ('run', 'running', 'cancelled'),
        ('run', 'failed', 'running'), ('run', 'cancelled', 'running'),

        ('job', 'waiting', 'queued'), ('job', 'waiting', 'blocked'), ('job', 'waiting', 'cancelled'),
        ('job', 'queued', 'running'), ('job', 'queued', 'cancelled'),
        ('job', 'running', 'succeeded'), ('job', 'running', 'failed'), ('job', 'running', 'cancelled'),
        ('job', 'failed', 'queued'), ('job', 'failed', 'waiting'),
        ('job', 'blocked', 'queued'), ('job', 'blocked', 'waiting'),
        ('job', 'cancelled', 'queued'), ('job', 'cancelled', 'waiting'),

        ('record', 'pending', 'sent'), ('record', 'pending', 'error'), ('record', 'pending', 'skipped'),
        ('record', 'sent', 'pending'), ('record', 'sent', 'succeeded'), ('record', 'sent', 'warning'),
        ('record', 'sent', 'error'),
        ('record', 'error', 'pending'), ('record', 'skipped', 'pending'),

        ('batch', 'written', 'called'),
        ('batch', 'called', 'accepted'), ('batch', 'called', 'refused'), ('batch', 'called', 'lost'),
        ('batch', 'accepted', 'answered'), ('batch', 'accepted', 'lost')
    )
$$;

-- Ends the statement with a check violation that carries the guard's name where a constraint's name would stand.
CREATE FUNCTION refuse(guard text, sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', sentence USING ERRCODE = 'check_violation', CONSTRAINT = guard;
END $$;

CREATE FUNCTION run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'queued' THEN
            PERFORM refuse('run_starts_queued', format('run %s can only be created as queued', NEW.id));
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
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT lifecycle_allows('run', OLD.status, NEW.status) THEN
        PERFORM refuse('run_lifecycle', format('run %s cannot go from %s to %s', OLD.id, OLD.status, NEW.status));
    END IF;
    IF OLD.status = 'queued' AND NEW.status = 'running' AND EXISTS (
        SELECT FROM run ahead
        WHERE ahead.organisation_id = NEW.organisation_id AND ahead.activity_id = NEW.activity_id
            AND ahead.sequence < NEW.sequence AND ahead.status IN ('queued', 'running')
    ) THEN
        PERFORM refuse('run_order', format('run %s cannot start before the runs ahead of it', OLD.id));
    END IF;
    IF OLD.status IN ('failed', 'cancelled') AND NEW.status = 'running' AND EXISTS (
        SELECT FROM run later
        WHERE later.organisation_id = NEW.organisation_id AND later.activity_id = NEW.activity_id
            AND later.sequence > NEW.sequence
    ) THEN
        PERFORM refuse('run_retry_latest', format('run %s is not the latest of its activity', OLD.id));
    END IF;
    IF NEW.status = 'succeeded' AND (
        SELECT count(*) FROM job WHERE job.run_id = NEW.id AND job.status = 'succeeded'
    ) <> 4 THEN
        PERFORM refuse('run_needs_jobs', format('run %s cannot succeed before its four jobs', OLD.id));
    END IF;
    IF NEW.status IN ('failed', 'cancelled') AND EXISTS (
        SELECT FROM job WHERE job.run_id = NEW.id AND job.status IN ('waiting', 'queued', 'running')
    ) THEN
        PERFORM refuse('run_leaves_jobs', format('run %s cannot end while a job of it has not', OLD.id));
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION job_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'waiting' THEN
            PERFORM refuse('job_starts_waiting', format('job %s can only be created as waiting', NEW.id));
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.organisation_id, NEW.activity_id, NEW.run_id, NEW.position, NEW.stage)
        IS DISTINCT FROM (OLD.id, OLD.organisation_id, OLD.activity_id, OLD.run_id, OLD.position, OLD.stage) THEN
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
    IF NEW.claim <> OLD.claim THEN
        IF NEW.claim <> OLD.claim + 1 OR NEW.status <> 'running' THEN
            PERFORM refuse('job_claim', format('job %s can only be claimed with the next number', OLD.id));
        END IF;
        IF OLD.lease_until > clock_timestamp() THEN
            PERFORM refuse('job_leased', format('job %s is leased to another worker', OLD.id));
        END IF;
    ELSIF OLD.status = 'queued' AND NEW.status = 'running' THEN
        PERFORM refuse('job_claim', format('job %s cannot start without a claim', OLD.id));
    END IF;
    IF OLD.status = 'running' AND NEW.status <> 'running' THEN
        IF EXISTS (
            -- the first in the order of the index: any one might be looked for in the whole table
            SELECT FROM unnest(ARRAY['sent', CASE NEW.status WHEN 'succeeded' THEN 'pending' END]) AS left_over
            CROSS JOIN LATERAL (
                SELECT FROM record WHERE record.run_id = NEW.run_id AND record.stage = NEW.stage
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

-- Holds the job's row against a new claim until the transaction ends, and refuses all but the holder of the current one.
CREATE FUNCTION fenced_job(job_id uuid, fence bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM job WHERE job.id = fenced_job.job_id AND job.status = 'running' AND job.claim = fenced_job.fence
    FOR SHARE;
    IF NOT FOUND THEN
        PERFORM refuse('claim_fence', format('job %s is not running under this claim', job_id));
    END IF;
END $$;

CREATE FUNCTION record_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM refuse('record_history', format('record %s is history and cannot be deleted', OLD.object_id));
    END IF;
    IF (NEW.organisation_id, NEW.job_id, NEW.object_id, NEW.run_id, NEW.stage, NEW.ordinal)
        IS DISTINCT FROM (OLD.organisation_id, OLD.job_id, OLD.object_id, OLD.run_id, OLD.stage, OLD.ordinal) THEN
        PERFORM refuse('record_identity', format('record %s cannot change its identity', OLD.object_id));
    END IF;
    IF OLD.status IN ('succeeded', 'warning') THEN
        PERFORM refuse('record_final', format('record %s has succeeded and cannot change', OLD.object_id));
    END IF;
    IF NEW.status <> OLD.status AND NOT lifecycle_allows('record', OLD.status, NEW.status) THEN
        PERFORM refuse(
            'record_lifecycle', format('record %s cannot go from %s to %s', OLD.object_id, OLD.status, NEW.status)
        );
    END IF;
    IF OLD.status IN ('error', 'skipped') THEN
        -- Only a retry opens these again, and it does so before the job may be claimed.
        PERFORM FROM job WHERE job.id = NEW.job_id AND job.status IN ('waiting', 'queued') FOR SHARE;
        IF NOT FOUND OR NEW.status <> 'pending' THEN
            PERFORM refuse('record_final', format('record %s has its final answer', OLD.object_id));
        END IF;
    ELSE
        PERFORM fenced_job(NEW.job_id, NEW.fence);
    END IF;
    NEW.fence := NULL;
    RETURN NEW;
END $$;

CREATE FUNCTION record_arrival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM arrived JOIN job ON job.id = arrived.job_id
        WHERE arrived.status <> 'pending' OR job.status <> 'waiting' OR job.started_at IS NOT NULL
            OR (job.organisation_id, job.run_id, job.stage)
                IS DISTINCT FROM (arrived.organisation_id, arrived.run_id, arrived.stage)
    ) THEN
        PERFORM refuse('record_arrival', 'records arrive as pending, in their own job, before it has started');
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION batch_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- What has not left is no history.
        IF OLD.status <> 'written' THEN
            PERFORM refuse('batch_history', format('batch %s has left and cannot be deleted', OLD.id));
        END IF;
        RETURN OLD;
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
        OR (NEW.request, NEW.request_bytes, NEW.request_sha256)
        IS DISTINCT FROM (OLD.request, OLD.request_bytes, OLD.request_sha256) THEN
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

CREATE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER run_guard BEFORE INSERT OR UPDATE ON run FOR EACH ROW EXECUTE FUNCTION run_guard();
CREATE TRIGGER job_guard BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_guard();
CREATE TRIGGER record_guard BEFORE UPDATE OR DELETE ON record FOR EACH ROW EXECUTE FUNCTION record_guard();
CREATE TRIGGER record_arrival AFTER INSERT ON record REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION record_arrival();
CREATE TRIGGER batch_guard BEFORE INSERT OR UPDATE OR DELETE ON batch FOR EACH ROW EXECUTE FUNCTION batch_guard();
CREATE TRIGGER run_event AFTER INSERT OR UPDATE OF status ON run FOR EACH ROW EXECUTE FUNCTION note_event();
CREATE TRIGGER job_event AFTER INSERT OR UPDATE OF status ON job FOR EACH ROW EXECUTE FUNCTION note_event();
