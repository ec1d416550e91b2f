-- Takes the next slot of a kind of call for an organisation, and gives how long from now it begins. Gives NULL, with
-- nothing taken, when it begins later than `ahead` from now, or when another organisation that was served less recently
-- has asked within `waiting` and has not got one: that one comes first. Tells besides how many of the
-- calls of about the last second are ours: the target counts those of others too.
CREATE OR REPLACE FUNCTION take_slot(
    kind text, organisation uuid, spacing interval, ahead interval, waiting interval, counted interval,
    OUT wait interval, OUT own integer
) LANGUAGE plpgsql AS $$
DECLARE
    begins timestamptz;
    served timestamptz;
    now_ timestamptz;
BEGIN
    SELECT next_at INTO begins FROM call_limit WHERE bucket = kind FOR UPDATE;
    now_ := clock_timestamp();
    begins := greatest(begins, now_);
    INSERT INTO call_turn AS turn (bucket, organisation_id, asked_at, granted_at) VALUES (kind, organisation, now_, '-infinity')
    ON CONFLICT (bucket, organisation_id) DO UPDATE SET asked_at = excluded.asked_at
    RETURNING turn.granted_at INTO served;
    IF begins > now_ + ahead OR EXISTS (
        SELECT FROM call_turn other
        WHERE other.bucket = kind AND other.organisation_id <> organisation AND other.asked_at > now_ - waiting
            AND other.granted_at < other.asked_at AND other.granted_at < served
    ) THEN
        RETURN;
    END IF;
    UPDATE call_limit SET next_at = begins + spacing,
        recent = ARRAY(SELECT slot FROM unnest(recent) slot WHERE slot > begins - counted) || begins
    WHERE bucket = kind RETURNING cardinality(recent) INTO own;
    -- Served when the slot begins: who asks again meanwhile stands behind those who wait.
    UPDATE call_turn SET granted_at = now_ WHERE bucket = kind AND organisation_id = organisation;
    wait := begins - now_;
END $$;
