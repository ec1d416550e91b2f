-- Gives the contents of an organisation that have a bucket of each of these sets, which are arrays as text. It reads as the
-- owner of the table, since the condition of a policy would come before the index of words: so it has that condition
-- itself, and gives nothing of an organisation for which the transaction does not act.
CREATE OR REPLACE FUNCTION worded_contents(of_organisation uuid, buckets text[])
RETURNS TABLE (kind text, object_id uuid, digest bytea) LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT kind, object_id, digest FROM content '
        'WHERE (organisation_id = $1) IS TRUE AND (SELECT acting_for()) = $1 AND '
        || (SELECT string_agg(format('words && %L::integer[]', each), ' AND ') FROM unnest(buckets) AS each)
    USING of_organisation;
END $$;
