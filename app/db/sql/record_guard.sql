CREATE OR REPLACE FUNCTION record_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('provkedja.history_goes', true) = 'on'
            AND EXISTS (SELECT FROM run WHERE run.id = OLD.run_id AND run.finished_at IS NOT NULL) THEN
            RETURN OLD;
        END IF;
        PERFORM refuse('record_history', format('record %s is history and cannot be deleted', OLD.object_id));
    END IF;
    IF current_setting('provkedja.forgetting', true) = 'on' THEN
        -- Where somebody belonged may go, and nothing else of it changes; what is generated is not there yet.
        IF to_jsonb(NEW) - 'codes' IS DISTINCT FROM to_jsonb(OLD) - 'codes'
            || '{"role": null, "school_year": null, "school_unit": null, "more_units": null}' THEN
            PERFORM refuse('record_final', format('record %s is erased and changed in nothing else', OLD.object_id));
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.organisation_id, NEW.job_id, NEW.object_id, NEW.run_id, NEW.kind, NEW.ordinal, NEW.source, NEW.outgoing,
            NEW.upload)
        IS DISTINCT FROM (OLD.organisation_id, OLD.job_id, OLD.object_id, OLD.run_id, OLD.kind, OLD.ordinal,
            OLD.source, OLD.outgoing, OLD.upload) THEN
        PERFORM refuse('record_identity', format('record %s cannot change its identity', OLD.object_id));
    END IF;
    IF OLD.status IN ('unchanged', 'succeeded', 'warning') THEN
        PERFORM refuse('record_final', format('record %s has succeeded and cannot change', OLD.object_id));
    END IF;
    IF NEW.status <> OLD.status AND NOT lifecycle_allows('record', OLD.status, NEW.status) THEN
        PERFORM refuse(
            'record_lifecycle', format('record %s cannot go from %s to %s', OLD.object_id, OLD.status, NEW.status)
        );
    END IF;
    IF OLD.status IN ('error', 'skipped') THEN
        -- Only a retry opens these again, and it does so before the job may be claimed.
        PERFORM FROM job WHERE job.id = NEW.job_id AND job.status = 'waiting' FOR SHARE;
        IF NOT FOUND OR NEW.status <> 'pending' THEN
            PERFORM refuse('record_final', format('record %s has its final answer', OLD.object_id));
        END IF;
    ELSE
        PERFORM fenced_job(NEW.job_id, NEW.fence);
    END IF;
    NEW.fence := NULL;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION record_arrival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM arrived JOIN job ON job.id = arrived.job_id
        WHERE arrived.status <> 'pending' OR job.status <> 'waiting' OR job.started_at IS NOT NULL
            OR (job.organisation_id, job.run_id, job.kind)
                IS DISTINCT FROM (arrived.organisation_id, arrived.run_id, arrived.kind)
    ) THEN
        PERFORM refuse('record_arrival', 'records arrive as pending, in their own job, before it has started');
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER record_guard BEFORE UPDATE OR DELETE ON record FOR EACH ROW EXECUTE FUNCTION record_guard();
CREATE OR REPLACE TRIGGER record_arrival AFTER INSERT ON record REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION record_arrival();
