-- Notes a refusal that concerns what was sent; gives what is open. `answer` is its content, `blamed` the records that it
-- names, `said` the contents of what it says of each and `codes` the codes of its messages, by id: they end in error with that and our `issues`, and the others go
-- again at once. When it blames none, they go in halves. A record that stood alone is to blame: while nothing is said of
-- it, nothing is done, and it is given as {"alone": id}.
CREATE OR REPLACE FUNCTION refuse_batch(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, http_status integer,
    answer bytea, answer_sealed bytea, blamed uuid[], said bytea[], said_sealed bytea[], codes jsonb, issues jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    sent uuid[];
    guilty uuid[];
    together integer;
BEGIN
    SELECT array_agg(record.object_id), array_agg(record.object_id) FILTER (WHERE record.object_id = ANY (blamed))
    INTO sent, guilty
    FROM batch CROSS JOIN unnest(batch.record_ids) AS listed (id) CROSS JOIN LATERAL (
        SELECT object_id, status, batch_id FROM record
        WHERE record.job_id = of_job AND record.object_id = listed.id OFFSET 0
    ) record
    WHERE batch.id = of_batch AND record.status = 'sent' AND record.batch_id = of_batch;
    IF cardinality(sent) = 1 AND guilty IS NULL THEN
        RETURN jsonb_build_object('alone', sent[1]);
    END IF;
    IF guilty IS NULL THEN
        together := (cardinality(sent) + 1) / 2;
    END IF;
    PERFORM keep_contents(one.organisation_id, ARRAY[answer], ARRAY['batch'], ARRAY[of_batch], ARRAY[answer_sealed]);
    PERFORM keep_contents(one.organisation_id, array_agg(digest), array_agg(one.kind), array_agg(id), array_agg(sealed))
    FROM unnest(blamed, said, said_sealed) AS each (id, digest, sealed) WHERE id = ANY (guilty);
    sent := close_batch(of_job, of_claim, of_batch, 'refused', 'http_' || http_status, http_status, answer);
    PERFORM change_records(of_job, of_claim, NULL, jsonb_agg(
        CASE WHEN digest IS NULL THEN
            jsonb_build_object('id', each, 'status', 'pending', 'max_together', together)
        ELSE
            jsonb_build_object('id', each, 'status', 'error', 'received', digest, 'codes', codes -> each::text,
                'issues', issues)
        END), NULL)
    FROM unnest(sent) AS each LEFT JOIN unnest(blamed, said) AS why (id, digest) ON why.id = each;
    PERFORM note_accepted(of_job, of_claim);
    RETURN job_snapshot(of_job);
END $$;
