-- Gives what the next decision about a job needs: what of it is open, and how it would end.
CREATE OR REPLACE FUNCTION job_snapshot(of_job uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    seen jsonb;
BEGIN
    SELECT jsonb_build_object(
        'changes', job.changes,
        'now', clock_timestamp(),
        'sole_deaths', job.sole_deaths,
        'suspect_for', extract(epoch FROM clock_timestamp() - job.suspect_since),
        'last_accepted_at', job.last_accepted_at,
        'tried_for', extract(epoch FROM job.tried_for),
        'fault_code', job.error ->> 'code',
        'usual_answer', (SELECT extract(epoch FROM usual) FROM answer_time WHERE answer_time.kind = job.kind),
        'cancelled', run.cancel_requested_at IS NOT NULL,
        'on_record_error', run.on_record_error,
        'ready', pending.ready,
        'next_ready_at', CASE WHEN job.pending > 0 AND NOT pending.ready THEN (
            -- A range is taken to be narrow, also by a planner whose statistics know of few runs yet.
            SELECT min(record.due_at) FROM record
            WHERE record.run_id = job.run_id AND record.kind BETWEEN job.kind AND job.kind
                AND record.status = 'pending' AND record.due_at > clock_timestamp()
        ) END,
        -- Failed records of which the stages after this one have to know whether Skolverket holds them from before. The
        -- first in the order of the index is asked for: any one might be looked for anywhere, by a planner that expects
        -- many.
        'unasked', run.on_record_error = 'continue' AND job.errors + job.skipped > 0 AND EXISTS (
            SELECT FROM job later WHERE later.run_id = job.run_id AND later.position = job.position + 1
        ) AND EXISTS (
            SELECT FROM unnest(ARRAY['error', 'skipped']) AS failed CROSS JOIN LATERAL (
                SELECT FROM record
                WHERE record.run_id = job.run_id AND record.kind = job.kind AND record.status = failed AND (
                    -- asked for one by one: as NOT EXISTS it might become a join that reads all of them
                    SELECT true FROM at_target
                    WHERE at_target.job_id = record.job_id AND at_target.object_id = record.object_id
                ) IS NULL
                ORDER BY record.ordinal LIMIT 1
            ) first
        ),
        -- Records of a cancelled run that were called and whose answer never came. What has just been called needs the
        -- time that an answer usually takes to be found.
        'look_up_at', CASE WHEN run.cancel_requested_at IS NOT NULL AND job.pending > 0 THEN (
            SELECT max(batch.called_at) + least(interval '10 seconds', coalesce(
                (SELECT usual FROM answer_time WHERE answer_time.kind = job.kind), interval '2 seconds'))
            FROM batch
            WHERE batch.job_id = job.id AND batch.status = 'lost' AND batch.error IS DISTINCT FROM 'no_connection'
                AND EXISTS (
                    SELECT FROM unnest(batch.record_ids) AS listed (id) CROSS JOIN LATERAL (
                        SELECT status, batch_id, protected FROM record
                        WHERE record.job_id = job.id AND record.object_id = listed.id OFFSET 0
                    ) one
                    WHERE one.status = 'pending' AND one.batch_id = batch.id AND NOT one.protected
                )
        ) END,
        'counts', jsonb_build_object(
            'total', job.total, 'pending', job.pending, 'sent', job.sent, 'unchanged', job.unchanged,
            'succeeded', job.succeeded, 'warnings', job.warnings, 'errors', job.errors, 'skipped', job.skipped
        ),
        'batches', (
            SELECT coalesce(jsonb_agg(jsonb_build_array(id, batch.status, next_poll_at) ORDER BY number), '[]')
            FROM batch WHERE batch.job_id = job.id AND batch.status IN ('written', 'called', 'accepted')
        )
    ) INTO seen
    FROM job JOIN run ON run.id = job.run_id
    CROSS JOIN LATERAL (
        SELECT job.pending > 0 AND EXISTS (
            SELECT FROM record WHERE record.run_id = job.run_id AND record.kind = job.kind
                AND record.status = 'pending' AND (record.due_at IS NULL OR record.due_at <= clock_timestamp())
            ORDER BY record.ordinal LIMIT 1
        ) AS ready
    ) pending
    WHERE job.id = of_job;
    RETURN seen;
END $$;
