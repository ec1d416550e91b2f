-- Ends the statement with a check violation that carries the guard's name where a constraint's name would stand.
CREATE OR REPLACE FUNCTION refuse(guard text, sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', sentence USING ERRCODE = 'check_violation', CONSTRAINT = guard;
END $$;

-- Makes an organisation the one for which this transaction acts from here on: the policies of row-level security hold
-- each row against it.
CREATE OR REPLACE FUNCTION act_for(of_organisation uuid) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT set_config('provkedja.organisation', of_organisation::text, true)
$$;

-- Makes this transaction act for all organisations, as far as its role may.
CREATE OR REPLACE FUNCTION act_for_everybody() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT set_config('provkedja.organisation', 'everybody', true)
$$;

-- The organisation for which this transaction acts; NULL when it acts for none, or for all.
CREATE OR REPLACE FUNCTION acting_for() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(nullif(current_setting('provkedja.organisation', true), ''), 'everybody')::uuid
$$;

CREATE OR REPLACE FUNCTION acts_for_everybody() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('provkedja.organisation', true) = 'everybody', false)
$$;

-- Gives the number of the next claim. One that a failover has lost is not given again, but for once in a million: whoever
-- was given it writes nothing under it.
CREATE OR REPLACE FUNCTION next_claim(before bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT before + 1 + floor(random() * 1048576)::bigint
$$;

-- Holds the job's row against a new claim until the transaction ends, and refuses all but the holder of the current one.
CREATE OR REPLACE FUNCTION fenced_job(job_id uuid, fence bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM job WHERE job.id = fenced_job.job_id AND job.status = 'running' AND job.claim = fenced_job.fence
    FOR SHARE;
    IF NOT FOUND THEN
        PERFORM refuse('claim_fence', format('job %s is not running under this claim', job_id));
    END IF;
END $$;

-- The guards read what other transactions have committed, row locks in hand. A snapshot taken before would hide it from
-- them: a job could end while a record of it was being sent.
CREATE OR REPLACE FUNCTION isolation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM refuse('isolation', format('%s is written in read committed alone', TG_TABLE_NAME));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION history_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What is old enough goes through `forget_run` and its like alone, and nothing that is under way.
    IF TG_OP = 'DELETE' AND current_setting('provkedja.history_goes', true) = 'on'
        AND (to_jsonb(OLD) ->> 'finished_at' IS NOT NULL OR TG_TABLE_NAME NOT IN ('run', 'job')) THEN
        RETURN OLD;
    END IF;
    PERFORM refuse('history', format('%s is history and stays as it is', TG_TABLE_NAME));
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER run_isolation BEFORE INSERT OR UPDATE OR DELETE ON run
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE OR REPLACE TRIGGER job_isolation BEFORE INSERT OR UPDATE OR DELETE ON job
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE OR REPLACE TRIGGER record_isolation BEFORE INSERT OR UPDATE OR DELETE ON record
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE OR REPLACE TRIGGER batch_isolation BEFORE INSERT OR UPDATE OR DELETE ON batch
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE OR REPLACE TRIGGER run_kept BEFORE DELETE ON run FOR EACH ROW EXECUTE FUNCTION history_guard();
CREATE OR REPLACE TRIGGER job_kept BEFORE DELETE ON job FOR EACH ROW EXECUTE FUNCTION history_guard();
CREATE OR REPLACE TRIGGER event_kept BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION history_guard();
CREATE OR REPLACE TRIGGER roster_kept BEFORE UPDATE OR DELETE ON roster FOR EACH ROW EXECUTE FUNCTION history_guard();
