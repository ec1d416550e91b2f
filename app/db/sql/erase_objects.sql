-- Erases everything that is kept of an organisation's objects of a kind: all contents that are theirs, and what the
-- batches that carried them have sealed themselves, since an answer may say anything of anybody: the content of the answer,
-- and the SHA-256 of the bytes. What a roster or a run under way has is refused: it is to be sent. Of a roster that is
-- arriving what is staged of them goes, and it fails as a whole. Rows stay, with ids, states, times and digests, and
-- without the role, the year and the units; of a plan's, ids and decisions. Gives how many contents went.
CREATE OR REPLACE FUNCTION erase_objects(of_organisation uuid, of_kind text, objects uuid[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    carried uuid[];
    gone bigint;
BEGIN
    PERFORM act_for(of_organisation);
    -- No roster is stored meanwhile.
    PERFORM FROM organisation AS one WHERE one.id = of_organisation FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM unnest(objects) AS each (id) CROSS JOIN LATERAL (
            SELECT FROM roster_item item
            WHERE item.object_id = each.id AND item.organisation_id = of_organisation AND item.kind = of_kind LIMIT 1
        ) wanted
        UNION ALL
        SELECT FROM unnest(objects) AS each (id) CROSS JOIN LATERAL (
            SELECT job_id FROM record
            WHERE record.object_id = each.id AND record.organisation_id = of_organisation AND record.kind = of_kind OFFSET 0
        ) sent JOIN job ON job.id = sent.job_id JOIN run ON run.id = job.run_id
        WHERE run.finished_at IS NULL
    ) THEN
        PERFORM refuse('erased_while_wanted', 'an object that a roster or a run under way has cannot be erased');
    END IF;
    -- Few rows: there are none but of rosters that are arriving at this moment.
    DELETE FROM staged
    WHERE organisation_id = of_organisation AND kind = of_kind AND object_id = ANY (objects);
    carried := ARRAY(SELECT batches_of_objects(of_organisation, of_kind, objects));
    PERFORM set_config('provkedja.forgetting', 'on', true);
    -- By whose they are: a digest that no row names any more, such as that of an earlier answer, is found too.
    DELETE FROM content USING (
        SELECT one.ctid AS place FROM (
            SELECT of_kind AS kind, unnest(objects) AS id UNION SELECT 'batch', unnest(carried)
        ) whose CROSS JOIN LATERAL (
            SELECT content.ctid, content.organisation_id, content.kind FROM content
            WHERE content.object_id = whose.id OFFSET 0
        ) one
        WHERE one.organisation_id = of_organisation AND one.kind = whose.kind
    ) unwanted
    WHERE content.ctid = unwanted.place;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE plan_item SET source = NULL, outgoing = NULL, accepted = NULL, likely_refused = false, marks = '{}',
        open_marks = '{}', plain_marks = '{}', codes = '{}', issues = NULL
    FROM unnest(objects) AS each (id) CROSS JOIN LATERAL (
        SELECT one.ctid AS place, one.organisation_id, one.kind FROM plan_item one WHERE one.object_id = each.id OFFSET 0
    ) said
    WHERE plan_item.ctid = said.place AND said.organisation_id = of_organisation AND said.kind = of_kind;
    UPDATE record SET role = NULL, school_year = NULL, school_unit = NULL, more_units = NULL
    FROM unnest(objects) AS each (id) CROSS JOIN LATERAL (
        SELECT one.ctid AS place, one.organisation_id, one.kind, one.role, one.school_year, one.school_unit, one.more_units
        FROM record one WHERE one.object_id = each.id OFFSET 0
    ) sent
    WHERE record.ctid = sent.place AND sent.organisation_id = of_organisation AND sent.kind = of_kind
        AND (sent.role, sent.school_year, sent.school_unit, sent.more_units) IS DISTINCT FROM (NULL, NULL, NULL, NULL);
    IF of_kind = 'persons' THEN
        -- How strongly somebody was protected stays, as by age: it hides where they were, and names nobody.
        UPDATE object SET eppn = NULL, civic_no = NULL, name = NULL
        WHERE organisation_id = of_organisation AND kind = of_kind AND id = ANY (objects);
        DELETE FROM eppn WHERE organisation_id = of_organisation AND object_id = ANY (objects);
    END IF;
    UPDATE batch SET request_sha256 = NULL WHERE id = ANY (carried) AND request_sha256 IS NOT NULL;
    PERFORM set_config('provkedja.forgetting', 'off', true);
    RETURN gone;
END $$;

-- Lists the batches that have carried one of an organisation's objects of a kind.
CREATE OR REPLACE FUNCTION batches_of_objects(of_organisation uuid, of_kind text, objects uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE AS $$
    SELECT batch.id FROM (
        SELECT DISTINCT sent.job_id FROM unnest(objects) AS each (id) CROSS JOIN LATERAL (
            SELECT job_id FROM record
            WHERE record.object_id = each.id AND record.organisation_id = of_organisation AND record.kind = of_kind OFFSET 0
        ) sent
    ) jobs CROSS JOIN LATERAL (
        SELECT one.id, one.record_ids FROM batch one
        WHERE one.organisation_id = of_organisation AND one.job_id = jobs.job_id OFFSET 0
    ) batch
    WHERE batch.record_ids && objects
$$;
