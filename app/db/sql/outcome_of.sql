-- Tells in one word what became of the records of all jobs of a run that has ended: of so many in `total` these were
-- `accepted` (or unchanged) without a word, taken with a `warned`, and `left` behind: failed, skipped, never sent. A job's
-- own outcome is made in the same way by its column.
CREATE OR REPLACE FUNCTION outcome_of(total bigint, accepted bigint, warned bigint, "left" bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN total = accepted THEN 'clean'
        WHEN accepted + warned = 0 THEN 'nothing_accepted'
        WHEN "left" > 0 THEN 'with_errors'
        ELSE 'with_warnings' END
$$;

-- Gives the outcome of a run whose jobs have all ended.
CREATE OR REPLACE FUNCTION outcome_of_run(of_run uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT outcome_of(sum(total), sum(succeeded + unchanged), sum(warnings), sum(errors + skipped + pending))
    FROM job WHERE run_id = of_run
$$;
