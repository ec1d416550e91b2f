-- Those persons of `ids` that stay here although they could be sent as in `contents`, and why: with a weaker marking than
-- the target has accepted or any current roster says, without one though an upload has ever said one, or as somebody else
-- under an id that was another's; unless that is `allowed`. What was allowed does not speak of whoever has been marked since
-- that was `asked` (NULL: now). Each OFFSET and LIMIT keeps this a look by an index for each, whatever the statistics say.
CREATE OR REPLACE FUNCTION withheld(
    organisation uuid, of_kind text, allowed text[], asked timestamptz, ids uuid[], contents bytea[]
) RETURNS TABLE (object_id uuid, weaker boolean, reused boolean) LANGUAGE sql STABLE ROWS 10 AS $$
    SELECT each.id, found.weaker, found.reused
    FROM unnest(ids, contents) AS each (id, digest) CROSS JOIN LATERAL (
        -- of which no marking is known counts as unmarked
        SELECT coalesce(marking, 0) AS marking, civic_no, name FROM content
        WHERE content.organisation_id = organisation AND content.digest = each.digest OFFSET 0
    ) mine LEFT JOIN LATERAL (
        SELECT marking, civic_no, name FROM object
        WHERE object.organisation_id = organisation AND object.kind = of_kind AND object.id = each.id OFFSET 0
    ) known ON true LEFT JOIN LATERAL (
        SELECT true AS said FROM roster_item item
        WHERE item.object_id = each.id AND item.protected AND item.organisation_id = organisation
            AND item.kind = of_kind AND item.marking > mine.marking LIMIT 1
    ) stronger ON true LEFT JOIN LATERAL (
        SELECT marked_at FROM protected_object one
        WHERE one.organisation_id = organisation AND one.object_id = each.id AND one.kind = of_kind OFFSET 0
    ) once ON true CROSS JOIN LATERAL (
        SELECT (known.marking > mine.marking OR stronger.said OR once.marked_at IS NOT NULL AND mine.marking = 0) IS TRUE
                AND ('weaker_marking' <> ALL (allowed) OR (once.marked_at > asked) IS TRUE),
            -- Of an object whose contents have been erased nothing is known. A name or a number that is left out is another
            -- one: else whoever leaves it out would see by this who is kept back for a marking.
            known.name IS NOT NULL AND mine.name IS DISTINCT FROM known.name
                AND mine.civic_no IS DISTINCT FROM known.civic_no AND 'reused_id' <> ALL (allowed)
    ) found (weaker, reused)
    WHERE of_kind = 'persons' AND (found.weaker OR found.reused)
$$;

-- The same of what a run would send, by what its caller has allowed when it was asked for.
CREATE OR REPLACE FUNCTION kept_here(organisation uuid, of_kind text, of_run uuid, ids uuid[], contents bytea[])
RETURNS TABLE (object_id uuid, weaker boolean, reused boolean) LANGUAGE sql STABLE ROWS 10 AS $$
    SELECT found.* FROM (SELECT allow, created_at FROM run WHERE run.id = of_run OFFSET 0) caller
    CROSS JOIN LATERAL withheld(organisation, of_kind, caller.allow, caller.created_at, ids, contents) found
$$;

-- Tells whether a record keeps back what needs it: it has failed, and not because it stays here while the target has the
-- object from before, or because its person has no part in an exam.
CREATE OR REPLACE FUNCTION keeps_others_back(status text, issues jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT status = 'error' OR (status = 'skipped' AND
        (issues @> '[{"code": "weaker_marking"}]' OR issues @> '[{"code": "reused_id"}]'
            OR issues @> '[{"code": "guardian"}]') IS NOT TRUE)
$$;
