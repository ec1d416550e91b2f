-- For how long something has been tried, at a try that fails at `now_`: for as long as it had been when it failed before,
-- and since then, but by no more than the wait that was planned and half a minute. Whatever was longer is our own
-- downtime, in which nobody tried.
CREATE OR REPLACE FUNCTION tried_longer(before interval, failed_at timestamptz, planned interval, now_ timestamptz)
RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN failed_at IS NULL THEN interval '0'
        ELSE coalesce(before, '0') + greatest(interval '0', least(now_ - failed_at, planned + interval '30 s')) END
$$;
