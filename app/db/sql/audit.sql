-- Rows of the audit stay as they are, whoever asks: its owner too, but for `cut_audit`.
CREATE OR REPLACE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR coalesce(current_setting('provkedja.cutting_audit', true), '') <> 'on' THEN
        PERFORM refuse('audit', format('%s is added to, and changed by nobody', TG_TABLE_NAME));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();
CREATE OR REPLACE TRIGGER audit_link_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();
CREATE OR REPLACE TRIGGER audit_checkpoint_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();

-- Writes a row about whom an answer shows, on behalf of the organisation whose they are.
CREATE OR REPLACE FUNCTION write_disclosure(
    of_organisation uuid, by_kind text, by_id uuid, by_name text, by_way text, what text, of_run uuid, of_job uuid,
    of_activity uuid, more jsonb, shown bytea, of_protected integer
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for(of_organisation);
    INSERT INTO audit (
        organisation_id, actor_kind, actor_id, actor, via, action, run_id, job_id, activity_id, details, objects, protected
    ) VALUES (
        of_organisation, by_kind, by_id, by_name, by_way, what, of_run, of_job, of_activity, more, shown, of_protected
    );
END $$;

-- Whoever writes a row cannot keep it from being chained: it is noted as the owner of the tables does.
CREATE OR REPLACE FUNCTION note_unchained() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_unchained (audit_id, organisation_id, at) VALUES (NEW.id, NEW.organisation_id, NEW.at);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER audit_unchained_noted AFTER INSERT ON audit
    FOR EACH ROW EXECUTE FUNCTION note_unchained();

-- Deletes at most so many of the oldest rows up to a checkpoint, with their links and with what finds them; gives how many
-- that were. The checkpoint stays, and says from the first slice on that what is before it may be gone. When a row was
-- written the database alone says, and none goes within the shortest time for which history can be kept, whoever asks.
CREATE OR REPLACE FUNCTION cut_audit(up_to bigint, most integer) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    going uuid[];
    gone bigint;
BEGIN
    IF coalesce(most, 0) < 1 THEN
        PERFORM refuse('audit', 'a cut takes a row at least');
    END IF;
    going := ARRAY(SELECT audit_id FROM audit_link WHERE seq <= up_to ORDER BY seq LIMIT most);
    -- The last row before the checkpoint as well: from the first slice on nobody asks any more what became of it.
    IF EXISTS (SELECT FROM audit WHERE id = ANY (going) AND at > clock_timestamp() - interval '30 days') OR (
        SELECT audit.at FROM audit_link JOIN audit ON audit.id = audit_link.audit_id
        WHERE audit_link.seq <= up_to ORDER BY audit_link.seq DESC LIMIT 1
    ) > clock_timestamp() - interval '30 days' THEN
        PERFORM refuse('audit', 'rows of the last 30 days are not cut');
    END IF;
    PERFORM set_config('provkedja.cutting_audit', 'on', true);
    UPDATE audit_checkpoint SET cut_at = coalesce(cut_at, clock_timestamp()) WHERE seq = up_to;
    IF NOT FOUND THEN
        PERFORM refuse('audit_checkpoint', format('there is no checkpoint %s of the audit', up_to));
    END IF;
    DELETE FROM audit_object USING audit, generate_series(0, octet_length(audit.objects) / 16 - 1) AS each (place)
    WHERE audit.id = ANY (going) AND audit_object.organisation_id = audit.organisation_id
        AND audit_object.digest = substr(audit.objects, each.place * 16 + 1, 16)
        AND audit_object.at = audit.at AND audit_object.audit_id = audit.id;
    DELETE FROM audit_link WHERE audit_id = ANY (going);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM audit WHERE id = ANY (going);
    DELETE FROM audit_checkpoint WHERE seq < up_to;
    PERFORM set_config('provkedja.cutting_audit', 'off', true);
    RETURN gone;
END $$;
