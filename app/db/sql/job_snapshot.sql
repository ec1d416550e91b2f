-- Gives what the next decision about a job needs: what of it is open, and how it would end. Who asks holds the job, so
-- that nothing of it moves from one statement to the next; what does not matter now is not looked for.
CREATE OR REPLACE FUNCTION job_snapshot(of_job uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job;
    ready boolean := false;
    next_ready_at timestamptz;
    unasked boolean := false;
    look_up_at timestamptz;
    seen jsonb;
BEGIN
    SELECT * INTO one FROM job WHERE id = of_job;
    IF one.pending > 0 THEN
        ready := EXISTS (
            SELECT FROM record WHERE record.run_id = one.run_id AND record.kind = one.kind
                AND record.status = 'pending' AND (record.due_at IS NULL OR record.due_at <= clock_timestamp())
            ORDER BY record.ordinal LIMIT 1
        );
        IF NOT ready THEN
            -- A range is taken to be narrow, also by a planner whose statistics know of few runs yet.
            SELECT min(record.due_at) INTO next_ready_at FROM record
            WHERE record.run_id = one.run_id AND record.kind BETWEEN one.kind AND one.kind
                AND record.status = 'pending' AND record.due_at > clock_timestamp();
        END IF;
    END IF;
    IF one.pending > 0 AND EXISTS (
        SELECT FROM run WHERE run.id = one.run_id AND run.cancel_requested_at IS NOT NULL
    ) THEN
        -- Records of a cancelled run of which a call never got its answer, whatever became of later tries. What has just
        -- been called needs the time that an answer usually takes to be found; a time that is ahead was a wrong clock's.
        SELECT CASE WHEN max(batch.called_at) > clock_timestamp() THEN clock_timestamp()
            ELSE max(batch.called_at) + least(interval '10 seconds', coalesce(
                (SELECT usual FROM answer_time WHERE answer_time.kind = one.kind), interval '2 seconds')) END
        INTO look_up_at FROM batch
        WHERE batch.job_id = of_job AND batch.status = 'lost' AND batch.error IS DISTINCT FROM 'no_connection'
            AND EXISTS (
                SELECT FROM unnest(batch.record_ids) AS listed (id) CROSS JOIN LATERAL (
                    SELECT status, protected FROM record
                    WHERE record.job_id = of_job AND record.object_id = listed.id OFFSET 0
                ) each
                WHERE each.status = 'pending' AND NOT each.protected
            );
    END IF;
    IF one.errors + one.skipped > 0 THEN
        -- Failed records of which the stages after this one have to know whether Skolverket holds them from before. The
        -- first in the order of the index is asked for: any one might be looked for anywhere, by a planner that expects
        -- many.
        unasked := EXISTS (SELECT FROM run WHERE run.id = one.run_id AND run.on_record_error = 'continue') AND EXISTS (
            SELECT FROM job later WHERE later.run_id = one.run_id AND later.position = one.position + 1
        ) AND EXISTS (
            SELECT FROM unnest(ARRAY['error', 'skipped']) AS failed CROSS JOIN LATERAL (
                SELECT FROM record
                WHERE record.run_id = one.run_id AND record.kind = one.kind AND record.status = failed
                    AND keeps_others_back(record.status, record.issues) AND (
                    -- asked for one by one: as NOT EXISTS it might become a join that reads all of them
                    SELECT true FROM at_target
                    WHERE at_target.job_id = record.job_id AND at_target.object_id = record.object_id
                ) IS NULL
                ORDER BY record.ordinal LIMIT 1
            ) first
        );
    END IF;
    SELECT jsonb_build_object(
        'changes', one.changes,
        'now', clock_timestamp(),
        'sole_deaths', one.sole_deaths,
        'suspect_for', extract(epoch FROM clock_timestamp() - one.suspect_since),
        'last_accepted_at', one.last_accepted_at,
        'tried_for', extract(epoch FROM one.tried_for),
        'fault_code', one.error ->> 'code',
        'usual_answer', (SELECT extract(epoch FROM usual) FROM answer_time WHERE answer_time.kind = one.kind),
        'cancelled', run.cancel_requested_at IS NOT NULL,
        'paused', run.pause_id IS NOT NULL,
        'on_record_error', run.on_record_error,
        'stop_at_errors', one.stop_at_errors,
        'ready', ready,
        'next_ready_at', next_ready_at,
        'unasked', unasked,
        'look_up_at', look_up_at,
        'counts', jsonb_build_object(
            'total', one.total, 'pending', one.pending, 'sent', one.sent, 'unchanged', one.unchanged,
            'succeeded', one.succeeded, 'warnings', one.warnings, 'errors', one.errors, 'skipped', one.skipped
        ),
        'batches', (
            SELECT coalesce(jsonb_agg(jsonb_build_array(id, batch.status, next_poll_at) ORDER BY number), '[]')
            FROM batch WHERE batch.job_id = of_job AND batch.status IN ('written', 'called', 'accepted')
        )
    ) INTO seen FROM run WHERE run.id = one.run_id;
    RETURN seen;
END $$;
