-- Stores contents of an organisation, each with its digest, kind and object; those that are there already stay as they are.
CREATE OR REPLACE FUNCTION keep_contents(
    organisation uuid, digests bytea[], kinds text[], objects uuid[], sealed bytea[]
) RETURNS void LANGUAGE sql VOLATILE AS $$
    -- In one order, so that two who store the same wait for each other in one direction.
    INSERT INTO content (organisation_id, digest, kind, object_id, sealed)
    SELECT organisation, given.* FROM unnest(digests, kinds, objects, sealed) AS given (digest, kind, object_id, sealed)
    ORDER BY given.digest
    ON CONFLICT DO NOTHING
$$;
