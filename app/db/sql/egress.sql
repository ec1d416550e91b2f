-- Who may call from an address: one epoch at a time, as the index uq_epoch_holds has it besides. No clock decides; those
-- who stand by compare what they have seen with what is. An epoch has jobs of any organisation in hand, so that the
-- functions here act for all.

-- Gives the right to call to a worker under a new epoch, when nobody has it, or when the one that has it is the epoch
-- that was seen, and has not written a beat since: that one has ended, and what it had in hand is free. Gives NULL
-- otherwise.
CREATE OR REPLACE FUNCTION take_egress(of_egress text, of_worker uuid, seen uuid, seen_beat bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    taken uuid := gen_random_uuid();
BEGIN
    PERFORM act_for_everybody();
    INSERT INTO egress (name) VALUES (of_egress) ON CONFLICT DO NOTHING;
    PERFORM FROM egress WHERE name = of_egress FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM epoch WHERE egress = of_egress AND state = 'holds')
        AND end_epoch(seen, seen_beat, of_worker) IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO epoch (id, egress, number, worker)
    SELECT taken, of_egress, coalesce(max(number), 0) + 1, of_worker FROM epoch WHERE egress = of_egress;
    RETURN taken;
END $$;

-- Ends an epoch that is still at the beat that was seen, and frees what it had in hand; gives how many jobs, or NULL
-- when it is at another one, or has ended. It was a death unless it had been leaving, or says itself that it lives.
CREATE OR REPLACE FUNCTION end_epoch(of_epoch uuid, seen_beat bigint, by_worker uuid) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    died boolean;
BEGIN
    PERFORM act_for_everybody();
    SELECT state = 'holds' AND worker <> by_worker INTO died FROM epoch
    WHERE id = of_epoch AND beat = seen_beat AND state <> 'ended' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE epoch SET state = 'ended', ended_at = clock_timestamp() WHERE id = of_epoch;
    RETURN free_claims(of_epoch, died);
END $$;

-- How long a job waits that was in hand at so many deaths in a row.
CREATE OR REPLACE FUNCTION suspect_wait(deaths integer) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN deaths >= 2 THEN least(interval '1 minute' * 2 ^ least(deaths - 2, 10), interval '20 minutes')
        ELSE interval '0' END
$$;

-- Frees the jobs that an epoch has in hand; gives how many. At a death each of them may be what its process died of. A
-- first one accuses nobody: all are due at once. What was in hand at two in a row is suspect, and waits, for a minute and
-- then twice as long each time, up to twenty. A death with suspects in hand accuses these alone, and one of which the
-- `guilty` is known accuses it alone.
CREATE OR REPLACE FUNCTION free_claims(of_epoch uuid, died boolean, guilty uuid DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    suspects integer;
    held uuid[];
    freed integer;
BEGIN
    PERFORM act_for_everybody();
    SELECT CASE WHEN guilty IS NULL THEN count(*) ELSE 1 END INTO suspects FROM job
    WHERE holder = of_epoch AND worker_deaths >= 2;
    -- Each is found by its key, then by its place: locked, it can't move any more. In the order of their ids, as a pause
    -- of many activities locks them: else each of the two could wait for the other.
    held := ARRAY(SELECT id FROM job WHERE holder = of_epoch ORDER BY id FOR NO KEY UPDATE);
    UPDATE job SET holder = NULL, fence = claim, worker_deaths = worker_deaths + accused::integer,
        due_at = clock_timestamp() + CASE WHEN accused THEN suspect_wait(worker_deaths + 1) ELSE interval '0' END,
        sole_deaths = sole_deaths + (accused AND suspects = 1)::integer,
        suspect_since = CASE WHEN accused AND suspects = 1 THEN coalesce(suspect_since, clock_timestamp())
            ELSE suspect_since END,
        accused_by = CASE WHEN accused THEN of_epoch ELSE accused_by END,
        accused_alone = CASE WHEN accused THEN suspects = 1 ELSE accused_alone END
    FROM unnest(held) AS listed (id) CROSS JOIN LATERAL (
        SELECT ctid AS place, died
            AND CASE WHEN guilty IS NULL THEN suspects = 0 OR other.worker_deaths >= 2 ELSE other.id = guilty END AS accused
        FROM job other WHERE other.id = listed.id OFFSET 0
    ) found WHERE job.ctid = found.place;
    GET DIAGNOSTICS freed = ROW_COUNT;
    PERFORM free_tasks(of_epoch, died AND guilty IS NULL);
    RETURN freed;
END $$;

-- Ends an epoch by its own process's word: it lives, and has let go of everything; or with `died` it ends now, since the
-- step of the job `guilty`, if that is known, keeps it from all else. Of one that lives nobody died: what others have
-- accused at the end of its epoch, and nobody has since, is as before.
CREATE OR REPLACE FUNCTION close_epoch(of_epoch uuid, died boolean, guilty uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for_everybody();
    UPDATE epoch SET state = 'ended', ended_at = clock_timestamp() WHERE id = of_epoch AND state <> 'ended';
    -- In the order of free_claims, with those that are acquitted.
    PERFORM FROM job WHERE id = ANY (ARRAY(
        SELECT id FROM job WHERE holder = of_epoch
        UNION
        SELECT id FROM job WHERE accused_by = of_epoch AND status IN ('queued', 'running')
    )) ORDER BY id FOR NO KEY UPDATE;
    PERFORM free_claims(of_epoch, died, guilty);
    IF NOT died THEN
        UPDATE job SET fence = claim, accused_by = NULL, accused_alone = false, worker_deaths = worker_deaths - 1,
            sole_deaths = sole_deaths - accused_alone::integer,
            suspect_since = CASE WHEN sole_deaths > accused_alone::integer THEN suspect_since END,
            due_at = CASE WHEN holder IS NULL THEN least(due_at, clock_timestamp()) ELSE due_at END
        WHERE accused_by = of_epoch AND status IN ('queued', 'running');
        PERFORM acquit_tasks(of_epoch);
    END IF;
END $$;

-- The egresses whose holders are told of what has become due.
CREATE OR REPLACE FUNCTION held_egresses() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(egress), '[]') FROM epoch WHERE state = 'holds'
$$;

CREATE OR REPLACE FUNCTION epoch_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.egress, NEW.number, NEW.worker) IS DISTINCT FROM (OLD.id, OLD.egress, OLD.number, OLD.worker) THEN
        PERFORM refuse('epoch_identity', format('epoch %s cannot change its identity', OLD.id));
    END IF;
    IF OLD.state = 'ended' THEN
        PERFORM refuse('epoch_final', format('epoch %s has ended and cannot change', OLD.id));
    END IF;
    IF OLD.state = 'leaves' AND NEW.state = 'holds' THEN
        PERFORM refuse('epoch_lifecycle', format('epoch %s has given the right to call away', OLD.id));
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER epoch_guard BEFORE UPDATE ON epoch FOR EACH ROW EXECUTE FUNCTION epoch_guard();
