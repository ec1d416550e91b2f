-- Deletes those of an organisation's contents that no roster and no record has any more; gives how many. A plan keeps none.
-- Of those that a record still has it is noted that no roster has them since now.
CREATE OR REPLACE FUNCTION forget_content(of_organisation uuid, digests bytea[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM act_for(of_organisation);
    PERFORM set_config('provkedja.forgetting', 'on', true);
    -- Each OFFSET and LIMIT keeps this a look by an index for each content, whatever the statistics say.
    WITH left_over AS MATERIALIZED (
        SELECT found.place, found.digest, history.used FROM unnest(digests) AS asked (digest) CROSS JOIN LATERAL (
            SELECT one.ctid AS place, one.digest, one.object_id FROM content one
            WHERE one.organisation_id = of_organisation AND one.digest = asked.digest OFFSET 0
        ) found
        LEFT JOIN LATERAL (
            SELECT true AS used FROM roster_item item WHERE item.object_id = found.object_id
                AND item.organisation_id = of_organisation AND found.digest IN (item.source, item.outgoing) LIMIT 1
        ) roster ON true
        LEFT JOIN LATERAL (
            SELECT true AS used FROM record WHERE record.object_id = found.object_id
                AND record.organisation_id = of_organisation
                AND found.digest IN (record.source, record.outgoing, record.sent, record.received) LIMIT 1
        ) history ON true
        WHERE roster.used IS NULL
    ), noted AS (
        INSERT INTO last_listed (organisation_id, digest, at)
        SELECT of_organisation, digest, clock_timestamp() FROM left_over WHERE used
        ON CONFLICT (organisation_id, digest) DO UPDATE SET at = excluded.at
    )
    DELETE FROM content USING left_over WHERE content.ctid = left_over.place AND left_over.used IS NULL;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('provkedja.forgetting', 'off', true);
    RETURN gone;
END $$;
