-- Erases what was said of a person by duties of an organisation that are somebody else's by now, in runs and plans that
-- have them as the person's: their contents, but for those that a roster has, or a run or plan as another's; where they
-- were; and what the calls that carried them for the person have sealed. What a run under way has is refused. Gives how
-- many contents went. Each OFFSET keeps this a look by an index for each, whatever the statistics say.
CREATE OR REPLACE FUNCTION erase_former_duties(of_organisation uuid, person uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    duties uuid[];
    carried uuid[];
    gone bigint;
BEGIN
    PERFORM act_for(of_organisation);
    -- No roster is stored meanwhile.
    PERFORM FROM organisation AS one WHERE one.id = of_organisation FOR NO KEY UPDATE;
    duties := ARRAY(
        SELECT sent.object_id FROM run CROSS JOIN LATERAL (
            SELECT object_id, refs FROM record WHERE record.run_id = run.id AND record.kind = 'duties' OFFSET 0
        ) sent
        WHERE run.organisation_id = of_organisation AND sent.refs[1] = person
        UNION
        SELECT said.object_id FROM plan CROSS JOIN LATERAL (
            SELECT object_id, person_id FROM plan_item
            WHERE plan_id BETWEEN plan.id AND plan.id AND plan_item.kind = 'duties' OFFSET 0
        ) said
        WHERE plan.organisation_id = of_organisation AND said.person_id = person
    );
    IF EXISTS (
        SELECT FROM unnest(duties) AS each (id) CROSS JOIN LATERAL (
            SELECT * FROM record WHERE record.object_id = each.id OFFSET 0
        ) sent JOIN run ON run.id = sent.run_id
        WHERE run.finished_at IS NULL AND sent.organisation_id = of_organisation AND sent.kind = 'duties'
            AND sent.refs[1] = person
    ) THEN
        PERFORM refuse('erased_while_wanted', 'an object that a roster or a run under way has cannot be erased');
    END IF;
    carried := ARRAY(
        SELECT DISTINCT call.id FROM unnest(duties) AS each (id) CROSS JOIN LATERAL (
            SELECT * FROM record WHERE record.object_id = each.id OFFSET 0
        ) sent CROSS JOIN LATERAL (
            SELECT id, record_ids FROM batch
            WHERE batch.organisation_id = of_organisation AND batch.job_id = sent.job_id OFFSET 0
        ) call
        WHERE sent.organisation_id = of_organisation AND sent.kind = 'duties' AND sent.refs[1] = person
            AND each.id = ANY (call.record_ids)
    );
    PERFORM set_config('provkedja.forgetting', 'on', true);
    DELETE FROM content USING (
        SELECT one.place FROM unnest(duties) AS each (id) CROSS JOIN LATERAL (
            SELECT array_agg(named.digest) AS digests FROM (
                SELECT * FROM record WHERE record.object_id = each.id OFFSET 0
            ) sent CROSS JOIN LATERAL (
                VALUES (sent.source), (sent.outgoing), (sent.sent), (sent.received)
                UNION ALL
                -- as it left in each call
                SELECT carried_there.digest FROM (
                    SELECT record_ids, items FROM batch
                    WHERE batch.organisation_id = of_organisation AND batch.job_id = sent.job_id OFFSET 0
                ) call CROSS JOIN LATERAL unnest(call.record_ids, call.items) AS carried_there (id, digest)
                WHERE carried_there.id = each.id
            ) named (digest)
            WHERE sent.organisation_id = of_organisation AND sent.kind = 'duties'
                AND sent.refs[1] IS DISTINCT FROM person
        ) of_others CROSS JOIN LATERAL (
            SELECT array_agg(named.digest) AS digests FROM (
                SELECT * FROM roster_item WHERE roster_item.object_id = each.id OFFSET 0
            ) item CROSS JOIN LATERAL (VALUES (item.source), (item.outgoing)) named (digest)
            WHERE item.organisation_id = of_organisation AND item.kind = 'duties'
        ) wanted CROSS JOIN LATERAL (
            SELECT array_agg(named.digest) AS digests FROM (
                SELECT * FROM plan_item WHERE plan_item.object_id = each.id OFFSET 0
            ) item CROSS JOIN LATERAL (VALUES (item.source), (item.outgoing)) named (digest)
            WHERE item.organisation_id = of_organisation AND item.kind = 'duties'
                AND item.person_id IS DISTINCT FROM person
        ) planned CROSS JOIN LATERAL (
            SELECT content.ctid AS place, content.organisation_id, content.kind, content.digest FROM content
            WHERE content.object_id = each.id OFFSET 0
        ) one
        WHERE one.organisation_id = of_organisation AND one.kind = 'duties'
            AND (one.digest = ANY (of_others.digests || wanted.digests || planned.digests)) IS NOT TRUE
    ) unwanted
    WHERE content.ctid = unwanted.place;
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM content USING (
        SELECT one.place FROM unnest(carried) AS each (id) CROSS JOIN LATERAL (
            SELECT content.ctid AS place, content.organisation_id, content.kind FROM content
            WHERE content.object_id = each.id OFFSET 0
        ) one
        WHERE one.organisation_id = of_organisation AND one.kind = 'batch'
    ) unwanted
    WHERE content.ctid = unwanted.place;
    UPDATE batch SET request_sha256 = NULL WHERE id = ANY (carried) AND request_sha256 IS NOT NULL;
    UPDATE plan_item SET source = NULL, outgoing = NULL, accepted = NULL, likely_refused = false, marks = '{}',
        open_marks = '{}', plain_marks = '{}', codes = '{}', issues = NULL
    FROM unnest(duties) AS each (id) CROSS JOIN LATERAL (
        SELECT one.ctid AS place, one.organisation_id, one.kind, one.person_id FROM plan_item one
        WHERE one.object_id = each.id OFFSET 0
    ) said
    WHERE plan_item.ctid = said.place AND said.organisation_id = of_organisation AND said.kind = 'duties'
        AND said.person_id = person;
    UPDATE record SET role = NULL, school_unit = NULL, more_units = NULL
    FROM unnest(duties) AS each (id) CROSS JOIN LATERAL (
        SELECT one.ctid AS place, one.organisation_id, one.kind, one.refs, one.school_unit, one.more_units, one.role
        FROM record one WHERE one.object_id = each.id OFFSET 0
    ) sent
    WHERE record.ctid = sent.place AND sent.organisation_id = of_organisation AND sent.kind = 'duties'
        AND sent.refs[1] = person
        AND (sent.role, sent.school_unit, sent.more_units) IS DISTINCT FROM (NULL, NULL, NULL);
    PERFORM set_config('provkedja.forgetting', 'off', true);
    RETURN gone;
END $$;
