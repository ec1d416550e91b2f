-- Changes records of a job, many in one statement; the guards refuse what the lifecycle or the claim does not allow.
-- `changes` are [{id, status, sent?, received?, codes?, issues?, again_in?, faulty?, cause?, max_together?}], `of_batch` the one
-- in which those that become `sent` leave: only its answer counts for them. A faulty one is at the end of a failed try,
-- `cause` is its code: once it has been tried for `horizon` it is given up, unless Skolverket has never taken a batch of
-- the job or the job itself has been tried for so long. Then the fault is the job's, and no single record's.
CREATE OR REPLACE FUNCTION change_records(of_job uuid, of_claim bigint, of_batch uuid, changes jsonb, horizon interval)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one job;
    failed timestamptz;
    last_try interval;
BEGIN
    SELECT * INTO one FROM job WHERE id = of_job;
    -- The try that has failed is the job's last one, where that has been noted.
    failed := coalesce(one.failed_at, clock_timestamp());
    last_try := CASE WHEN one.last_accepted_at IS NOT NULL AND one.tried_for < horizon THEN horizon END;
    UPDATE record SET fence = of_claim,
        status = CASE
            WHEN found.tried >= last_try THEN 'error'
            -- what went out incomplete is no plain success: without another object, or without a value of its own
            WHEN change.status = 'succeeded' AND record.issues @?
                '$[*] ? (@.severity == "warning" && (@.code == "sent_without" || exists(@.pointer)))' THEN 'warning'
            ELSE change.status END,
        batch_id = CASE WHEN change.status = 'sent' THEN of_batch ELSE record.batch_id END,
        sent = coalesce(change.sent, record.sent),
        received = coalesce(change.received, record.received),
        message_codes = CASE WHEN change.received IS NULL THEN record.message_codes ELSE change.codes END,
        attempts = attempts + (change.status = 'sent')::int,
        -- what was said of an earlier sending goes; what the reading of the roster found stays
        issues = CASE
            WHEN change.status = 'sent' THEN nullif(
                coalesce((SELECT jsonb_agg(r) FROM jsonb_array_elements(record.issues) r WHERE r ? 'pointer'), '[]')
                    || coalesce(change.issues, '[]'),
                '[]')
            WHEN found.tried >= last_try THEN coalesce(record.issues, '[]') || jsonb_build_array(
                jsonb_strip_nulls(jsonb_build_object('code', 'gave_up', 'severity', 'error', 'cause', change.cause)))
            WHEN change.issues IS NULL THEN record.issues
            ELSE coalesce(record.issues, '[]') || change.issues END,
        due_at = CASE WHEN (found.tried >= last_try) IS NOT TRUE THEN clock_timestamp() + change.again_in END,
        tried_for = coalesce(found.tried, record.tried_for),
        failed_at = CASE WHEN change.faulty THEN failed ELSE record.failed_at END,
        planned_wait = CASE WHEN change.faulty THEN change.again_in - one.rested ELSE record.planned_wait END,
        max_together = coalesce(change.max_together, record.max_together),
        completed_at = CASE WHEN change.status NOT IN ('pending', 'sent') OR found.tried >= last_try
            THEN clock_timestamp() END
    FROM jsonb_to_recordset(changes) AS change (
        id uuid, status text, sent bytea, received bytea, codes jsonb, issues jsonb, again_in interval, faulty boolean, cause text,
        max_together integer
    ) CROSS JOIN LATERAL (
        -- The OFFSET makes this a look by the primary key for each: as a join it might read the whole job, or all
        -- changes for each record. The claim holds the job, so that no record moves meanwhile.
        SELECT ctid AS place, CASE WHEN change.faulty
            THEN tried_longer(other.tried_for, other.failed_at, other.planned_wait + one.rested, failed) END AS tried
        FROM record other WHERE other.job_id = of_job AND other.object_id = change.id OFFSET 0
    ) found
    WHERE record.ctid = found.place;
END $$;
