-- Writes down the batch that has been put together from records that were read as pending: what becomes of them as
-- `changes`, contents that are new, and with `records` the batch itself with its `items` and what is known of its bytes.
-- Nothing is written when the end of the run has been asked for meanwhile, or it is paused. Gives whether the batch is there, and what is
-- open: [written, open].
CREATE OR REPLACE FUNCTION write_batch(
    of_organisation uuid, of_job uuid, of_claim bigint, of_batch uuid, changes jsonb,
    digests bytea[], kinds text[], objects uuid[], sealed bytea[],
    records uuid[], items bytea[], digest bytea, bytes integer, sha256 bytea
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one job := hold_job(of_organisation, of_job, of_claim);
    written boolean := cardinality(records) > 0;
BEGIN
    PERFORM FROM run WHERE id = one.run_id AND (cancel_requested_at IS NOT NULL OR pause_id IS NOT NULL);
    IF FOUND THEN
        RETURN jsonb_build_array(false, job_snapshot(of_job));
    END IF;
    PERFORM keep_contents(one.organisation_id, digests, kinds, objects, sealed);
    PERFORM change_records(of_job, of_claim, of_batch, changes, NULL);
    IF written THEN
        INSERT INTO batch (id, organisation_id, job_id, number, fence, record_ids, items, request_digest, request_bytes,
            request_sha256)
        SELECT of_batch, one.organisation_id, of_job, 1 + coalesce(max(number), 0), of_claim, records,
            write_batch.items, digest, bytes, sha256
        FROM batch WHERE batch.organisation_id = one.organisation_id AND batch.job_id = of_job;
    END IF;
    RETURN jsonb_build_array(written, job_snapshot(of_job));
END $$;
