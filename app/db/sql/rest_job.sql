-- Lays a job down for a fault of ours, named by its code; each rest in a row is twice as long, up to five minutes. Tells
-- whether the claim held.
CREATE OR REPLACE FUNCTION rest_job(of_job uuid, of_claim bigint, code text) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    WITH laid_down AS (
        UPDATE job SET fence = of_claim, holder = NULL, rests = rests + 1, rest_code = code,
            due_at = clock_timestamp() + least(interval '1 second' * 2 ^ least(rests, 10), interval '5 minutes')
        WHERE id = of_job AND claim = of_claim AND holder IS NOT NULL RETURNING 1
    )
    SELECT EXISTS (SELECT FROM laid_down)
$$;
