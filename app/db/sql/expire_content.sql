-- Retention of contents. One goes when the last run that has it ended before the moment `before`, and it stood in no current
-- roster since; what a current roster has, or a run under way, stays.

-- Deletes the contents of an organisation's objects of a kind that have been of no use since `before`, and has nothing be the
-- same as a group or an activity that was accepted before it. Gives the objects that a run under way has: of these everything
-- stays, since what is being answered may be a content that is there. Who calls holds the organisation's row, so that no
-- roster is stored and no run accepted or tried again meanwhile.
CREATE OR REPLACE FUNCTION expire_objects(of_organisation uuid, of_kind text, objects uuid[], before timestamptz)
RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    in_use uuid[];
BEGIN
    PERFORM set_config('provkedja.forgetting', 'on', true);
    -- Each OFFSET keeps this a look by an index for each object, whatever the statistics say.
    WITH each AS MATERIALIZED (
        SELECT given.id, history.under_way, history.sent_again, history.digests, history.old, wanted.digests AS wanted
        FROM unnest(objects) AS given (id) CROSS JOIN LATERAL (
            SELECT coalesce(bool_or(whose.finished_at IS NULL), false) AS under_way,
                coalesce(bool_or(whose.keeps AND sent.attempts > 1), false) AS sent_again,
                array_agg(named.digest) FILTER (WHERE whose.keeps) AS digests,
                array_agg(named.digest) FILTER (WHERE NOT whose.keeps) AS old
            FROM (
                SELECT * FROM record WHERE record.object_id = given.id OFFSET 0
            ) sent CROSS JOIN LATERAL (
                SELECT finished_at, finished_at IS NULL OR finished_at >= before AS keeps FROM run
                WHERE run.id = sent.run_id OFFSET 0
            ) whose CROSS JOIN LATERAL (
                VALUES (sent.source), (sent.outgoing), (sent.sent), (sent.received)
                UNION ALL
                -- as it left in each call, where there was more than one
                SELECT carried.digest FROM (
                    SELECT record_ids, items FROM batch WHERE sent.attempts > 1
                        AND batch.organisation_id = of_organisation AND batch.job_id = sent.job_id OFFSET 0
                ) call CROSS JOIN LATERAL unnest(call.record_ids, call.items) AS carried (id, digest)
                WHERE carried.id = given.id
            ) named (digest)
            WHERE sent.organisation_id = of_organisation AND sent.kind = of_kind
        ) history CROSS JOIN LATERAL (
            SELECT array_agg(named.digest) AS digests FROM (
                SELECT * FROM roster_item WHERE roster_item.object_id = given.id OFFSET 0
            ) item CROSS JOIN LATERAL (VALUES (item.source), (item.outgoing)) named (digest)
            WHERE item.organisation_id = of_organisation AND item.kind = of_kind
        ) wanted
    ), gone AS (
        DELETE FROM content USING (
            SELECT found.place FROM each CROSS JOIN LATERAL (
                SELECT one.ctid AS place, one.organisation_id, one.kind, one.digest FROM content one
                WHERE one.object_id = each.id OFFSET 0
            ) found LEFT JOIN LATERAL (
                SELECT true AS lately FROM (
                    SELECT at FROM last_listed
                    WHERE last_listed.organisation_id = of_organisation AND last_listed.digest = found.digest OFFSET 0
                ) one WHERE one.at >= before
            ) listed ON true
            WHERE found.organisation_id = of_organisation AND found.kind = of_kind AND NOT each.under_way
                AND listed.lately IS NULL AND (found.digest = ANY (each.digests)) IS NOT TRUE
                AND (found.digest = ANY (each.wanted)) IS NOT TRUE
                -- what no row names was answered to an earlier call: of which run, the answer itself says alone
                AND (NOT each.sent_again OR found.digest = ANY (each.old))
        ) unused
        WHERE content.ctid = unused.place
    )
    SELECT coalesce(array_agg(id), '{}') INTO in_use FROM each WHERE under_way;
    IF of_kind = 'persons' THEN
        -- What was compared goes with the content that it is of. How strongly somebody was protected stays: with it gone
        -- they could be sent unprotected, and nobody would be asked.
        UPDATE object SET eppn = NULL, civic_no = NULL, name = NULL
        FROM unnest(objects) AS given (id) CROSS JOIN LATERAL (
            SELECT one.ctid AS place, one.accepted FROM object one
            WHERE one.organisation_id = of_organisation AND one.kind = of_kind AND one.id = given.id
                AND (one.eppn IS NOT NULL OR one.civic_no IS NOT NULL OR one.name IS NOT NULL) OFFSET 0
        ) known LEFT JOIN LATERAL (
            SELECT true AS there FROM content
            WHERE content.organisation_id = of_organisation AND content.digest = known.accepted LIMIT 1
        ) kept ON true
        WHERE object.ctid = known.place AND kept.there IS NULL;
        DELETE FROM eppn USING (
            SELECT had.place FROM unnest(objects) AS given (id) CROSS JOIN LATERAL (
                SELECT one.ctid AS place, one.organisation_id, one.eppn FROM eppn one WHERE one.object_id = given.id OFFSET 0
            ) had LEFT JOIN LATERAL (
                SELECT true AS there FROM (
                    SELECT * FROM content WHERE content.object_id = given.id OFFSET 0
                ) one
                WHERE one.organisation_id = of_organisation AND one.eppn = had.eppn LIMIT 1
            ) kept ON true
            WHERE had.organisation_id = of_organisation AND kept.there IS NULL
        ) unused
        WHERE eppn.ctid = unused.place;
    ELSIF of_kind IN ('groups', 'activities') THEN
        -- Nothing is the same as what was accepted then: by its digest alone whoever guesses who is in it would be told
        -- that they are right. Also where a content stays: it may be a guess that stands in a roster.
        UPDATE object SET accepted = ''
        FROM unnest(objects) AS given (id) CROSS JOIN LATERAL (
            SELECT one.ctid AS place FROM object one
            WHERE one.organisation_id = of_organisation AND one.kind = of_kind AND one.id = given.id
                AND one.accepted_at < before AND one.accepted <> '' OFFSET 0
        ) known
        WHERE object.ctid = known.place AND given.id <> ALL (in_use);
    END IF;
    PERFORM set_config('provkedja.forgetting', 'off', true);
    RETURN in_use;
END $$;

-- Takes from a run of an organisation that ended before `before` what it has, of `most` records at a time, and goes on where it
-- stopped: contents that nothing else has use for, where somebody belonged, what was answered to its calls. Rows stay, with
-- ids, states, codes, times and digests. Gives whether anything was done; false once the run has nothing more.
CREATE OR REPLACE FUNCTION expire_run(of_organisation uuid, of_run uuid, before timestamptz, most integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    one run;
    stage job;
    ids uuid[];
    in_use uuid[];
    next_one uuid;
    room integer := most;
BEGIN
    PERFORM act_for(of_organisation);
    -- No roster is stored and no run accepted or tried again meanwhile.
    PERFORM FROM organisation WHERE id = of_organisation FOR NO KEY UPDATE;
    SELECT * INTO one FROM run
    WHERE id = of_run AND (organisation_id = of_organisation) IS TRUE AND finished_at < before AND content_expired_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- First, and all of them at once: by the SHA-256 of a body one can try what was in it.
    IF one.expiring_position IS NULL THEN
        PERFORM expire_calls(of_organisation, of_run);
    END IF;
    WHILE room > 0 LOOP
        SELECT * INTO stage FROM job
        WHERE run_id = of_run AND position >= coalesce(one.expiring_position, 1) ORDER BY position LIMIT 1;
        IF NOT FOUND THEN
            PERFORM set_config('provkedja.forgetting', 'on', true);
            UPDATE run SET content_expired_at = clock_timestamp(), expiring_position = NULL, expiring_from = NULL
            WHERE id = of_run;
            PERFORM set_config('provkedja.forgetting', 'off', true);
            RETURN true;
        END IF;
        -- in the order of the key, which one index has; with the one after them
        ids := ARRAY(
            SELECT object_id FROM record
            WHERE job_id = stage.id AND object_id >= coalesce(one.expiring_from, '00000000-0000-0000-0000-000000000000')
            ORDER BY job_id, object_id LIMIT room + 1
        );
        next_one := ids[room + 1];
        ids := ids[1:room];
        room := room - cardinality(ids);
        in_use := expire_objects(of_organisation, stage.kind, ids, before);
        PERFORM set_config('provkedja.forgetting', 'on', true);
        INSERT INTO last_listed (organisation_id, digest, at)
        SELECT of_organisation, one_of.digest, before FROM unnest(in_use) AS given (id) CROSS JOIN LATERAL (
            SELECT digest, content.organisation_id, content.kind FROM content WHERE content.object_id = given.id OFFSET 0
        ) one_of
        WHERE one_of.organisation_id = of_organisation AND one_of.kind = stage.kind
        ON CONFLICT DO NOTHING;
        UPDATE record SET role = NULL, school_year = NULL, school_unit = NULL, more_units = NULL
        WHERE job_id = stage.id AND object_id = ANY (ids)
            AND (role, school_year, school_unit, more_units) IS DISTINCT FROM (NULL, NULL, NULL, NULL);
        one.expiring_position := CASE WHEN next_one IS NULL THEN stage.position + 1 ELSE stage.position END;
        one.expiring_from := next_one;
        UPDATE run SET expiring_position = one.expiring_position, expiring_from = one.expiring_from WHERE id = of_run;
        PERFORM set_config('provkedja.forgetting', 'off', true);
    END LOOP;
    RETURN true;
END $$;

-- Deletes what was answered to the calls of a run, and the SHA-256 of their bytes.
CREATE OR REPLACE FUNCTION expire_calls(of_organisation uuid, of_run uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    calls CONSTANT uuid[] := ARRAY(
        SELECT batch.id FROM (
            SELECT id FROM job WHERE job.run_id = of_run OFFSET 0
        ) stage CROSS JOIN LATERAL (
            SELECT one.id FROM batch one WHERE one.organisation_id = of_organisation AND one.job_id = stage.id OFFSET 0
        ) batch
    );
BEGIN
    PERFORM set_config('provkedja.forgetting', 'on', true);
    DELETE FROM content USING (
        SELECT answer.place FROM unnest(calls) AS call (id) CROSS JOIN LATERAL (
            SELECT one.ctid AS place, one.organisation_id, one.kind FROM content one WHERE one.object_id = call.id OFFSET 0
        ) answer
        WHERE answer.organisation_id = of_organisation AND answer.kind = 'batch'
    ) unused
    WHERE content.ctid = unused.place;
    UPDATE batch SET request_sha256 = NULL WHERE id = ANY (calls) AND request_sha256 IS NOT NULL;
    PERFORM set_config('provkedja.forgetting', 'off', true);
END $$;

-- Deletes those of some contents that were noted as in no current roster since before `before`, and that nothing else has use
-- for. What a run under way keeps is looked at once more after `before`, and of the others the note goes.
CREATE OR REPLACE FUNCTION expire_listed(of_organisation uuid, digests bytea[], before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    noted bytea[];
    of_kind text;
    objects uuid[];
    in_use uuid[] := '{}';
BEGIN
    PERFORM act_for(of_organisation);
    PERFORM FROM organisation WHERE id = of_organisation FOR NO KEY UPDATE;
    noted := ARRAY(
        SELECT one.digest FROM unnest(digests) AS given (digest) CROSS JOIN LATERAL (
            SELECT * FROM last_listed
            WHERE last_listed.organisation_id = of_organisation AND last_listed.digest = given.digest OFFSET 0
        ) one
        WHERE one.at < before
    );
    FOR of_kind, objects IN
        SELECT found.kind, array_agg(DISTINCT found.object_id) FROM unnest(noted) AS given (digest) CROSS JOIN LATERAL (
            SELECT kind, object_id FROM content
            WHERE content.organisation_id = of_organisation AND content.digest = given.digest OFFSET 0
        ) found
        GROUP BY found.kind
    LOOP
        in_use := in_use || expire_objects(of_organisation, of_kind, objects, before);
    END LOOP;
    UPDATE last_listed SET at = before FROM unnest(noted) AS given (digest) CROSS JOIN LATERAL (
        SELECT object_id FROM content
        WHERE content.organisation_id = of_organisation AND content.digest = given.digest OFFSET 0
    ) found
    WHERE last_listed.organisation_id = of_organisation AND last_listed.digest = given.digest
        AND found.object_id = ANY (in_use);
    DELETE FROM last_listed
    WHERE organisation_id = of_organisation AND digest = ANY (noted) AND at < before;
END $$;

-- Deletes why an organisation made those of some pauses that ended before `before`.
CREATE OR REPLACE FUNCTION expire_pauses(of_organisation uuid, pauses uuid[], before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for(of_organisation);
    PERFORM set_config('provkedja.forgetting', 'on', true);
    UPDATE pause SET reason_sealed = NULL
    WHERE id = ANY (pauses) AND (organisation_id = of_organisation) IS TRUE AND ended_at < before;
    PERFORM set_config('provkedja.forgetting', 'off', true);
END $$;
