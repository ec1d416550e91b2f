-- A job's progress moves with its records, in the statement that changes them: it can neither drift nor stand still.
CREATE OR REPLACE FUNCTION count_records() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- Named with its schema: there is a table of that name.
    moved pg_catalog.record;
BEGIN
    FOR moved IN
        SELECT job_id,
            sum(CASE status WHEN 'pending' THEN n ELSE 0 END) AS pending,
            sum(CASE status WHEN 'sent' THEN n ELSE 0 END) AS sent,
            sum(CASE status WHEN 'unchanged' THEN n ELSE 0 END) AS unchanged,
            sum(CASE status WHEN 'succeeded' THEN n ELSE 0 END) AS succeeded,
            sum(CASE status WHEN 'warning' THEN n ELSE 0 END) AS warnings,
            sum(CASE status WHEN 'error' THEN n ELSE 0 END) AS errors,
            sum(CASE status WHEN 'skipped' THEN n ELSE 0 END) AS skipped
        FROM (
            SELECT job_id, status, 1 AS n FROM became
            UNION ALL
            SELECT job_id, status, -1 FROM was
        ) AS change (job_id, status, n)
        GROUP BY job_id HAVING bool_or(n > 0)
    LOOP
        CONTINUE WHEN (moved.pending, moved.sent, moved.unchanged, moved.succeeded, moved.warnings, moved.errors,
            moved.skipped) = (0, 0, 0, 0, 0, 0, 0);
        UPDATE job SET fence = claim, pending = pending + moved.pending, sent = sent + moved.sent,
            unchanged = unchanged + moved.unchanged, succeeded = succeeded + moved.succeeded,
            warnings = warnings + moved.warnings, errors = errors + moved.errors, skipped = skipped + moved.skipped
        WHERE id = moved.job_id;
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER record_count AFTER UPDATE ON record
    REFERENCING OLD TABLE AS was NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION count_records();
