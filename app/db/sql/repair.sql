-- A batch of which nobody will know what became of it leaves a task: its objects are looked up when its job has ended, and
-- once more a quarter of an hour after it was given up, since a call may arrive late. One that found no connection has not
-- left.
CREATE OR REPLACE FUNCTION note_repair() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task (kind, key, organisation_id, after_job, again_at)
    VALUES ('repair', NEW.id, NEW.organisation_id, NEW.job_id, clock_timestamp() + interval '15 minutes')
    ON CONFLICT (kind, key) DO UPDATE SET again_at = excluded.again_at;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER batch_lost AFTER UPDATE OF status ON batch FOR EACH ROW
    WHEN (NEW.status = 'lost' AND OLD.status <> 'lost' AND NEW.error IS DISTINCT FROM 'no_connection')
    EXECUTE FUNCTION note_repair();

-- Has the objects of a batch looked up at once, and once more in a quarter of an hour: its process was too late when it
-- wrote, and somebody else may have sent them meanwhile.
CREATE OR REPLACE FUNCTION ask_for_repair(of_organisation uuid, of_batch uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for(of_organisation);
    INSERT INTO task (kind, key, organisation_id, again_at)
    SELECT 'repair', id, organisation_id, clock_timestamp() + interval '15 minutes' FROM batch
    WHERE id = of_batch AND (organisation_id = of_organisation) IS TRUE
    ON CONFLICT (kind, key) DO UPDATE SET due_at = clock_timestamp(), after_job = NULL, again_at = excluded.again_at;
END $$;

-- Notes that a task sends objects of a kind again now, with the contents that were accepted last. It must not, and false
-- is given, when one of them is in another call under way, something else has been accepted, a current roster marks one
-- more strongly, or one was ever marked and would leave unmarked; NULL when the claim no longer holds.
CREATE OR REPLACE FUNCTION call_repair(
    of_organisation uuid, of_task uuid, of_claim bigint, of_kind text, ids uuid[], digests bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    one task;
BEGIN
    PERFORM act_for(of_organisation);
    SELECT * INTO one FROM task
    WHERE id = of_task AND (organisation_id = of_organisation) IS TRUE AND claim = of_claim AND holder IS NOT NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- As mark_called does it: of two with the same object neither would see that the other leaves.
    PERFORM pg_advisory_xact_lock(hashtextextended(format('calls %s %s', one.organisation_id, of_kind), 0));
    IF EXISTS (
        SELECT FROM under_way_elsewhere(one.organisation_id, of_kind, NULL, ids)
        UNION ALL
        SELECT FROM unnest(ids, digests) AS each (id, digest) CROSS JOIN LATERAL (
            SELECT accepted FROM object
            WHERE organisation_id = one.organisation_id AND kind = of_kind AND id = each.id OFFSET 0
        ) known
        WHERE known.accepted <> each.digest
        UNION ALL
        SELECT FROM withheld(one.organisation_id, of_kind, '{}', NULL, ids, digests)
    ) THEN
        RETURN false;
    END IF;
    UPDATE task SET under_way = ids WHERE id = of_task;
    RETURN true;
END $$;
