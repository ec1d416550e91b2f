-- Stores an answer about a batch with what it changes; gives what is open. `answer` is the content of its envelope,
-- `digests` and what follows are the contents of what it says of each record, and `changes` what becomes of these. The
-- batch is finished when none of its records waits any more, or with `lost_why`, as `lose_batch` has it. `usual_answer` is
-- how long answers of this kind take, where that has been learned.
CREATE OR REPLACE FUNCTION apply_answer(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, answer bytea, answer_sealed bytea,
    digests bytea[], objects uuid[], sealed bytea[], changes jsonb, poll_in interval,
    lost_why text, lost_again_in interval, usual_answer interval, horizon interval
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    answered timestamptz := clock_timestamp();
    earlier bytea;
    any_left boolean;
BEGIN
    PERFORM note_accepted(of_job, of_claim);
    SELECT batch.answer INTO earlier FROM batch WHERE id = of_batch;
    PERFORM keep_contents(one.organisation_id, digests || answer,
        array_fill(one.kind, ARRAY[cardinality(digests)]) || 'batch'::text, objects || of_batch, sealed || answer_sealed);
    PERFORM change_records(of_job, of_claim, NULL, changes, horizon);
    SELECT EXISTS (
        SELECT FROM batch CROSS JOIN unnest(record_ids) AS listed (id) CROSS JOIN LATERAL (
            SELECT status, batch_id FROM record
            WHERE record.job_id = of_job AND record.object_id = listed.id OFFSET 0
        ) still
        WHERE batch.id = of_batch AND still.status = 'sent' AND still.batch_id = batch.id
    ) INTO any_left;
    UPDATE batch SET polls = polls + 1, answer = apply_answer.answer, fence = of_claim,
        status = CASE WHEN any_left THEN 'accepted' ELSE 'answered' END,
        next_poll_at = CASE WHEN any_left THEN answered + poll_in END,
        finished_at = CASE WHEN any_left THEN NULL ELSE clock_timestamp() END,
        failed_at = answered, planned_wait = poll_in - one.rested,
        tried_for = tried_longer(tried_for, failed_at, planned_wait + one.rested, answered)
    WHERE id = of_batch;
    -- An earlier answer said less of the same objects.
    IF earlier <> answer THEN
        PERFORM forget_content(one.organisation_id, ARRAY[earlier]);
    END IF;
    IF lost_why IS NOT NULL THEN
        PERFORM lose_batch(of_job, of_claim, of_batch, lost_why, lost_again_in, horizon);
    END IF;
    -- Last, since all jobs of the kind write this row.
    IF usual_answer IS NOT NULL THEN
        INSERT INTO answer_time (kind, usual) VALUES (one.kind, usual_answer)
        ON CONFLICT (kind) DO UPDATE SET usual = excluded.usual;
    END IF;
    RETURN job_snapshot(of_job);
END $$;
