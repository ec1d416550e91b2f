-- Notes that Skolverket was found to have records as they were sent, although the answer to their call never came: each
-- ends as a warning, with our `issues`. One that another call has, or that was accepted in a later upload, stays as it is:
-- what was found may be that one's doing. Gives what is open.
CREATE OR REPLACE FUNCTION note_arrived(
    of_organisation uuid, of_job uuid, of_claim bigint, arrived uuid[], issues jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    -- Those that are noted.
    ids uuid[];
    calls text := format('calls %s %s', one.organisation_id, one.kind);
BEGIN
    -- As mark_called does it: none of them leaves meanwhile.
    PERFORM pg_advisory_xact_lock(hashtextextended(calls, 0));
    WITH noted AS (
        UPDATE record SET status = 'sent', due_at = NULL, fence = of_claim
        FROM unnest(arrived) AS listed (id) CROSS JOIN LATERAL (
            SELECT ctid AS place, upload FROM record other
            WHERE other.job_id = of_job AND other.object_id = listed.id AND other.status = 'pending' OFFSET 0
        ) found LEFT JOIN LATERAL (
            SELECT accepted_upload FROM object
            WHERE object.organisation_id = one.organisation_id AND object.kind = one.kind AND object.id = listed.id OFFSET 0
        ) known ON true
        WHERE record.ctid = found.place AND (known.accepted_upload <= found.upload) IS NOT FALSE AND listed.id <> ALL (ARRAY(
            SELECT object_id FROM under_way_elsewhere(one.organisation_id, one.kind, of_job, arrived)
        ))
        RETURNING record.object_id
    )
    SELECT array_agg(object_id) INTO ids FROM noted;
    PERFORM change_records(of_job, of_claim, NULL, jsonb_agg(
        jsonb_build_object('id', each, 'status', 'warning', 'issues', note_arrived.issues)), NULL)
    FROM unnest(ids) AS each HAVING count(*) > 0;
    RETURN job_snapshot(of_job);
END $$;
