-- Closes a batch as refused or lost (`becomes`), `why` and, if Skolverket answered the call, with what; gives those of its
-- records that it leaves without an answer, in their order.
CREATE OR REPLACE FUNCTION close_batch(
    of_job uuid, of_claim bigint, of_batch uuid, becomes text, why text, http_status integer DEFAULT NULL,
    answer bytea DEFAULT NULL
) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    left_sent uuid[];
BEGIN
    UPDATE batch SET status = becomes, error = why, fence = of_claim, next_poll_at = NULL,
        finished_at = clock_timestamp(), http_status = coalesce(close_batch.http_status, batch.http_status),
        answer = coalesce(close_batch.answer, batch.answer),
        answered_at = CASE WHEN close_batch.http_status IS NULL THEN answered_at ELSE clock_timestamp() END
    WHERE id = of_batch
    RETURNING ARRAY(
        SELECT object_id FROM unnest(batch.record_ids) AS listed (id) CROSS JOIN LATERAL (
            SELECT object_id, ordinal, status, batch_id FROM record
            WHERE record.job_id = of_job AND record.object_id = listed.id OFFSET 0
        ) one
        WHERE one.status = 'sent' AND one.batch_id = batch.id ORDER BY ordinal
    ) INTO left_sent;
    RETURN left_sent;
END $$;
