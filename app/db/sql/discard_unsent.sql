-- Deletes batches that have not left, all of a job or one: their records are as if they had never been taken.
CREATE OR REPLACE FUNCTION discard_unsent(
    of_organisation uuid, of_job uuid, of_claim bigint, one_batch uuid
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gone uuid[];
    listed uuid[];
BEGIN
    PERFORM hold_job(of_organisation, of_job, of_claim);
    WITH deleted AS (
        DELETE FROM batch WHERE job_id = of_job AND status = 'written' AND (one_batch IS NULL OR id = one_batch)
        RETURNING id, record_ids
    )
    SELECT array_agg(DISTINCT deleted.id), array_agg(each.id) INTO gone, listed
    FROM deleted CROSS JOIN unnest(deleted.record_ids) AS each (id);
    UPDATE record SET status = 'pending', attempts = attempts - 1, fence = of_claim,
        -- what had left before is still what was sent
        sent = CASE WHEN attempts > 1 THEN sent END,
        batch_id = CASE WHEN attempts > 1 THEN (
            SELECT batch.id FROM batch
            WHERE batch.organisation_id = record.organisation_id AND batch.job_id = record.job_id
                AND record.object_id = ANY (batch.record_ids)
            ORDER BY batch.number DESC LIMIT 1
        ) END,
        issues = CASE WHEN attempts > 1 THEN issues ELSE (
            SELECT jsonb_agg(r) FROM jsonb_array_elements(issues) r WHERE r ? 'pointer'
        ) END
    -- The OFFSET makes this a look by the primary key for each; the claim holds the job, so that no record moves.
    FROM unnest(listed) AS dropped (id) CROSS JOIN LATERAL (
        SELECT ctid AS place FROM record other WHERE other.job_id = of_job AND other.object_id = dropped.id OFFSET 0
    ) found
    WHERE record.ctid = found.place AND record.status = 'sent' AND record.batch_id = ANY (gone);
END $$;
