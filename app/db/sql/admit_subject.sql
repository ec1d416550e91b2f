-- Writes down somebody whom an OpenID provider knows, with what the rows `granted` of sign_in_mapping give, until a day from
-- now at the latest; gives the row's handle, NULL where it has been revoked. The API's role makes keys in no other
-- way: so this writes as the owner of the tables, for the organisation acted for alone, holds what it is given against the
-- table, and makes a row that has no secret which somebody could show.
CREATE OR REPLACE FUNCTION admit_subject(
    of_organisation uuid, of_issuer text, of_subject bytea, with_scopes text[], with_units uuid[], granted uuid[],
    until timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    new_handle text := 'oi_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
    ends timestamptz := least(until, clock_timestamp() + interval '24 hours');
BEGIN
    IF acting_for() IS DISTINCT FROM of_organisation THEN
        PERFORM refuse('admit_subject', 'whoever acts for an organisation admits subjects of it alone');
    END IF;
    -- A row that is being deleted meanwhile is waited for, and gives nothing any more.
    PERFORM FROM sign_in_mapping WHERE id = ANY (granted) ORDER BY id FOR SHARE;
    IF cardinality(granted) <> (
        SELECT count(*) FROM sign_in_mapping
        WHERE id = ANY (granted) AND organisation_id = of_organisation AND issuer = of_issuer
    ) OR EXISTS (
        -- each scope in each unit, or in all of the organisation
        SELECT FROM unnest(with_scopes) scope CROSS JOIN unnest(coalesce(with_units, ARRAY[NULL::uuid])) unit
        WHERE NOT EXISTS (
            SELECT FROM sign_in_mapping WHERE id = ANY (granted) AND scope = ANY (scopes)
                AND CASE WHEN with_units IS NULL THEN school_units IS NULL ELSE unit = ANY (school_units) END
        )
    ) THEN
        PERFORM refuse('admit_subject', 'these rows do not give that');
    END IF;
    INSERT INTO api_key AS known (
        id, organisation_id, name, handle, scopes, school_units, expires_at, issuer, subject, granted_by
    ) VALUES (
        gen_random_uuid(), of_organisation, new_handle, new_handle, with_scopes, with_units, ends, of_issuer, of_subject,
        granted
    ) ON CONFLICT (organisation_id, subject) DO UPDATE SET
        scopes = excluded.scopes, school_units = excluded.school_units, granted_by = excluded.granted_by,
        expires_at = greatest(known.expires_at, excluded.expires_at)
    WHERE known.revoked_at IS NULL AND (
        (known.scopes, known.school_units, known.granted_by)
            IS DISTINCT FROM (excluded.scopes, excluded.school_units, excluded.granted_by)
        OR known.expires_at < excluded.expires_at
    );
    RETURN (
        SELECT handle FROM api_key
        WHERE organisation_id = of_organisation AND subject = of_subject AND revoked_at IS NULL
    );
END $$;
