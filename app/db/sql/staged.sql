-- The rows of rosters while they arrive, of the organisation for which the transaction acts: their table has no policies,
-- and nobody but its owner reads it.
CREATE OR REPLACE VIEW staged WITH (security_barrier) AS
    SELECT * FROM roster_staging
    WHERE (
        CASE WHEN organisation_id = (SELECT acting_for()) THEN true
            ELSE (SELECT nullif(acts_for_everybody(), false)) END
    ) IS NOT NULL;
