-- The guards read what other transactions have committed, row locks in hand. A snapshot taken before would hide it from
-- them: a job could end while a record of it was being sent.
CREATE FUNCTION isolation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM refuse('isolation', format('%s is written in read committed alone', TG_TABLE_NAME));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION history_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('history', format('%s is history and stays as it is', TG_TABLE_NAME));
    RETURN NULL;
END $$;

CREATE TRIGGER run_isolation BEFORE INSERT OR UPDATE OR DELETE ON run
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE TRIGGER job_isolation BEFORE INSERT OR UPDATE OR DELETE ON job
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE TRIGGER record_isolation BEFORE INSERT OR UPDATE OR DELETE ON record
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();
CREATE TRIGGER batch_isolation BEFORE INSERT OR UPDATE OR DELETE ON batch
    FOR EACH STATEMENT EXECUTE FUNCTION isolation_guard();

CREATE TRIGGER run_kept BEFORE DELETE ON run FOR EACH ROW EXECUTE FUNCTION history_guard();
CREATE TRIGGER job_kept BEFORE DELETE ON job FOR EACH ROW EXECUTE FUNCTION history_guard();
CREATE TRIGGER event_kept BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION history_guard();
