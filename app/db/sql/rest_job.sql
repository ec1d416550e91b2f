-- Lays a job down for a fault of ours, named by its code; each rest in a row is twice as long, up to five minutes, or ten
-- seconds where it is the database's: that passes for all at once. A batch that has not left is written anew: then it may
-- be as it should. At the tenth rest in a row for `internal` what the fault concerns, as far as that is known, ends in
-- error with our `issues`: the records `blamed`, or those of `of_batch`. The others go on. Where nothing is known to be to
-- blame, and the end of the run has been asked for, the job ends.
CREATE OR REPLACE FUNCTION rest_job(
    of_organisation uuid, of_job uuid, of_claim bigint, code text, blamed uuid[], of_batch uuid, issues jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    most CONSTANT integer := 10;
    one job := hold_job(of_organisation, of_job, of_claim);
    own integer := one.internal_rests + (code = 'internal')::integer;
    state text;
    listed uuid[];
    settled boolean := false;
BEGIN
    IF code = 'internal' THEN
        BEGIN
            SELECT status, record_ids INTO state, listed FROM batch WHERE id = of_batch AND job_id = of_job;
            IF state = 'written' THEN
                PERFORM discard_unsent(of_organisation, of_job, of_claim, of_batch);
                blamed := coalesce(nullif(blamed, '{}'), listed);
            END IF;
            IF own >= most AND cardinality(blamed) > 0 THEN
                PERFORM discard_unsent(of_organisation, of_job, of_claim, id) FROM batch
                WHERE job_id = of_job AND status = 'written' AND record_ids && blamed;
                PERFORM change_records(of_job, of_claim, NULL, jsonb_agg(
                    jsonb_build_object('id', each.id, 'status', 'error', 'issues', rest_job.issues)), NULL)
                FROM unnest(blamed) AS each (id) CROSS JOIN LATERAL (
                    SELECT status FROM record WHERE job_id = of_job AND object_id = each.id OFFSET 0
                ) known WHERE known.status = 'pending' HAVING count(*) > 0;
                settled := FOUND;
            ELSIF own >= most AND state IN ('called', 'accepted') THEN
                PERFORM lose_batch(of_job, of_claim, of_batch, 'internal', NULL, NULL);
                settled := true;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            -- What can't be put right is laid down as it is.
            RAISE LOG 'the fault of job % cannot be put right: %', of_job, SQLSTATE;
        END;
    END IF;
    IF code = 'internal' AND own >= most AND NOT settled AND cancel_unread(of_organisation, of_job, of_claim) THEN
        RETURN;
    END IF;
    UPDATE job SET fence = of_claim, holder = NULL,
        rests = CASE WHEN settled THEN 0 ELSE rests + 1 END,
        internal_rests = CASE WHEN settled THEN 0 ELSE own END,
        rest_code = CASE WHEN NOT settled THEN rest_job.code END,
        due_at = clock_timestamp() + CASE WHEN settled THEN interval '0' ELSE least(
            interval '1 second' * 2 ^ least(rests, 10),
            CASE WHEN rest_job.code LIKE 'database%' THEN interval '10 seconds' ELSE interval '5 minutes' END) END
    WHERE id = of_job;
END $$;

-- Lays down a job that has been claimed and cannot be read.
CREATE OR REPLACE FUNCTION lay_down_unread(
    of_organisation uuid, of_job uuid, of_claim bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT cancel_unread(of_organisation, of_job, of_claim) THEN
        PERFORM rest_job(of_organisation, of_job, of_claim, 'internal', NULL, NULL, NULL);
    END IF;
END $$;

-- Ends a job of which the end of its run has been asked for, and whose steps only break: all that it has out is given up
-- unread. Tells whether it has ended.
CREATE OR REPLACE FUNCTION cancel_unread(
    of_organisation uuid, of_job uuid, of_claim bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM job JOIN run ON run.id = job.run_id WHERE job.id = of_job AND cancel_requested_at IS NOT NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM batch WHERE job_id = of_job AND status = 'written';
    UPDATE batch SET status = 'lost', error = 'internal', next_poll_at = NULL, finished_at = clock_timestamp(),
        fence = of_claim
    WHERE job_id = of_job AND status IN ('called', 'accepted');
    UPDATE record SET status = 'pending', fence = of_claim WHERE job_id = of_job AND status = 'sent';
    PERFORM finish_job(of_organisation, of_job, of_claim, 'cancelled', NULL, false);
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RAISE LOG 'job % cannot be cancelled: %', of_job, SQLSTATE;
    RETURN false;
END $$;
