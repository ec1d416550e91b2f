-- The person of a job that gives the EPPN of a content to `taker`: it has not got its final answer yet.
CREATE OR REPLACE FUNCTION eppn_giver(organisation uuid, of_job uuid, taker uuid, of_content bytea)
RETURNS TABLE (id uuid, digest bytea, status text, until timestamptz) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT record.object_id, record.outgoing, record.status, coalesce(record.next_poll_at, record.due_at)
    FROM (
        SELECT content.eppn FROM content
        WHERE content.organisation_id = organisation AND content.digest = of_content OFFSET 0
    ) wanted CROSS JOIN LATERAL (
        SELECT eppn.object_id FROM eppn
        WHERE eppn.organisation_id = organisation AND eppn.eppn = wanted.eppn AND eppn.object_id <> taker OFFSET 0
    ) owner CROSS JOIN LATERAL (
        SELECT FROM object
        WHERE object.organisation_id = organisation AND object.kind = 'persons' AND object.id = owner.object_id
            AND object.eppn = wanted.eppn OFFSET 0
    ) still CROSS JOIN LATERAL (
        SELECT one.object_id, one.outgoing, one.status, one.due_at, (
            SELECT next_poll_at FROM batch WHERE batch.id = one.batch_id AND one.status = 'sent'
        ) AS next_poll_at
        FROM record one WHERE one.job_id = of_job AND one.object_id = owner.object_id OFFSET 0
    ) record CROSS JOIN LATERAL (
        SELECT content.eppn FROM content
        WHERE content.organisation_id = organisation AND content.digest = record.outgoing OFFSET 0
    ) becomes
    WHERE record.status IN ('pending', 'sent') AND becomes.eppn IS DISTINCT FROM wanted.eppn
$$;

-- Of the persons `ids` that would be sent as in `contents` those whose new EPPN the target still has under another person
-- of the same job, who is to get another one; with that person, and how long until there may be news of it. What such a
-- person waits for in turn is listed with it. Each OFFSET keeps this a look by an index for each.
CREATE OR REPLACE FUNCTION eppn_givers(organisation uuid, of_job uuid, ids uuid[], contents bytea[])
RETURNS TABLE (taker uuid, giver uuid, wait interval) LANGUAGE sql STABLE ROWS 10 AS $$
    WITH RECURSIVE following AS (
        SELECT each.id AS taker, one.* FROM unnest(ids, contents) AS each (id, digest)
        CROSS JOIN LATERAL eppn_giver(organisation, of_job, each.id, each.digest) one
        UNION
        SELECT following.id, one.* FROM following
        CROSS JOIN LATERAL eppn_giver(organisation, of_job, following.id, following.digest) one
        WHERE following.status = 'pending'
    )
    SELECT taker, id, least(greatest(until - clock_timestamp(), interval '0'), interval '1 minute') FROM following
$$;
