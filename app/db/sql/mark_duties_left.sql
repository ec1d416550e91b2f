-- Those of `ids` that something of an organisation names which is kept: a duty, a group or an exam of a run or of a current
-- roster, or a plan. It may be in another roster, run or plan than they are; no index finds it by whom it names, so all are
-- read, once. What a plan's groups and exams name, their contents do, which a run or a roster has.
CREATE OR REPLACE FUNCTION named_among(of_organisation uuid, ids uuid[]) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ref.id FROM run CROSS JOIN LATERAL (
            SELECT refs FROM record WHERE record.run_id = run.id AND record.kind IN ('duties', 'groups', 'activities') OFFSET 0
        ) sent CROSS JOIN LATERAL unnest(sent.refs) AS ref (id)
        WHERE run.organisation_id = of_organisation AND ref.id = ANY (ids)
        UNION
        SELECT ref.id FROM activity CROSS JOIN LATERAL (
            SELECT refs FROM roster_item
            WHERE roster_item.roster_id = activity.roster_id AND roster_item.kind IN ('duties', 'groups', 'activities') OFFSET 0
        ) item CROSS JOIN LATERAL unnest(item.refs) AS ref (id)
        WHERE activity.organisation_id = of_organisation AND ref.id = ANY (ids)
        UNION
        SELECT ref.id FROM plan CROSS JOIN LATERAL (
            SELECT object_id, person_id FROM plan_item WHERE plan_id BETWEEN plan.id AND plan.id OFFSET 0
        ) said CROSS JOIN LATERAL unnest(ARRAY[said.object_id, said.person_id]) AS ref (id)
        WHERE plan.organisation_id = of_organisation AND ref.id = ANY (ids)
    );
END $$;

-- Those of some `duties` that an exam of a run or of a current roster names, or that a plan has. Exams alone name duties,
-- and are few: so an upload can wait for this. Of the many items of plans each duty is looked for by the index.
CREATE OR REPLACE FUNCTION duties_named_among(of_organisation uuid, duties uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ref.id FROM run CROSS JOIN LATERAL (
            SELECT refs FROM record WHERE record.run_id = run.id AND record.kind BETWEEN 'activities' AND 'activities' OFFSET 0
        ) sent CROSS JOIN LATERAL unnest(sent.refs) AS ref (id)
        WHERE run.organisation_id = of_organisation AND ref.id = ANY (duties)
        UNION
        SELECT ref.id FROM activity CROSS JOIN LATERAL (
            SELECT refs FROM roster_item
            WHERE roster_item.roster_id BETWEEN activity.roster_id AND activity.roster_id
                AND roster_item.kind = 'activities' OFFSET 0
        ) item CROSS JOIN LATERAL unnest(item.refs) AS ref (id)
        WHERE activity.organisation_id = of_organisation AND ref.id = ANY (duties)
        UNION
        SELECT each.id FROM unnest(duties) AS each (id) CROSS JOIN LATERAL (
            SELECT organisation_id, kind FROM plan_item WHERE plan_item.object_id = each.id OFFSET 0
        ) said
        WHERE said.organisation_id = of_organisation AND said.kind = 'duties'
    );
END $$;

-- Whose a duty is, and with that whether it is hidden, is said by the rosters and runs that have it. When the last of these
-- goes and an exam goes on naming the duty, a marked person's has a marking of its own from then on.
CREATE OR REPLACE FUNCTION mark_duties_left() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    organisation uuid;
    hidden uuid[];
BEGIN
    FOR organisation, hidden IN
        SELECT gone.organisation_id, array_agg(DISTINCT gone.object_id)
        FROM gone CROSS JOIN LATERAL (SELECT gone.refs[1] AS id OFFSET 0) person
        WHERE gone.kind = 'duties' AND EXISTS (
            SELECT FROM protected_object marked
            WHERE marked.organisation_id = gone.organisation_id AND marked.object_id = person.id OFFSET 0
        ) AND NOT EXISTS (
            SELECT FROM (SELECT * FROM roster_item WHERE roster_item.object_id = gone.object_id OFFSET 0) item
            WHERE item.organisation_id = gone.organisation_id AND item.kind = gone.kind OFFSET 0
        ) AND NOT EXISTS (
            SELECT FROM (SELECT * FROM record WHERE record.object_id = gone.object_id OFFSET 0) sent
            WHERE sent.organisation_id = gone.organisation_id AND sent.kind = gone.kind OFFSET 0
        )
        GROUP BY gone.organisation_id
    LOOP
        INSERT INTO protected_object (organisation_id, object_id, kind)
        SELECT organisation, named.id, 'duties' FROM unnest(duties_named_among(organisation, hidden)) AS named (id)
        -- in one order, as rosters write them
        ORDER BY named.id
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER duties_left AFTER DELETE ON roster_item
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION mark_duties_left();

CREATE OR REPLACE TRIGGER duties_left AFTER DELETE ON record
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION mark_duties_left();
