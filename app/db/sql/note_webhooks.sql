-- Writes down what an organisation's endpoints want to be told, in the transaction of what has happened. An endpoint that
-- somebody deletes at this moment is passed over: nobody waits for it, and nothing refers to it once it has gone.
CREATE OR REPLACE FUNCTION note_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    type_ text := TG_TABLE_NAME || '.' || NEW.status;
    data_ jsonb;
BEGIN
    IF NOT EXISTS (
        SELECT FROM webhook WHERE organisation_id = NEW.organisation_id AND enabled AND type_ = ANY (types)
    ) THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'run' THEN
        data_ := jsonb_build_object('run_id', NEW.id, 'sequence', NEW.sequence);
    ELSE
        data_ := jsonb_build_object(
            'job_id', NEW.id, 'run_id', NEW.run_id, 'stage', NEW.kind,
            'sequence', (SELECT run.sequence FROM run WHERE run.id = NEW.run_id)
        );
    END IF;
    INSERT INTO webhook_delivery (organisation_id, webhook_id, type, data)
    SELECT NEW.organisation_id, wanting.id, type_, data_ || jsonb_build_object(
        'activity_id', NEW.activity_id, 'status', NEW.status, 'outcome', NEW.outcome
    ) FROM (
        SELECT id FROM webhook WHERE organisation_id = NEW.organisation_id AND enabled AND type_ = ANY (types)
        FOR KEY SHARE SKIP LOCKED
    ) wanting;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER run_webhooks AFTER UPDATE OF status ON run FOR EACH ROW
WHEN (NEW.status IN ('succeeded', 'failed', 'cancelled') AND NEW.status <> OLD.status) EXECUTE FUNCTION note_webhooks();
CREATE OR REPLACE TRIGGER job_webhooks AFTER UPDATE OF status ON job FOR EACH ROW
WHEN (NEW.status = 'failed' AND NEW.status <> OLD.status) EXECUTE FUNCTION note_webhooks();
