-- Holds an activity's roster against the other current rosters of the organisation, the EPPNs of before, what the activity
-- has sent last, and the persons that have been erased: makes its findings of origin `rosters` anew. Of an object that is in
-- several rosters it is the latest upload that is sent: where an older one differs from it, both have a finding. Gives the
-- other rosters that have an object which is in this one since the upload `since`. Each OFFSET keeps this a look by an index
-- for each object, whatever the statistics say.
CREATE OR REPLACE FUNCTION compare_roster(of_organisation uuid, of_activity uuid, since bigint) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    one activity;
    others uuid[];
BEGIN
    PERFORM act_for(of_organisation);
    SELECT * INTO one FROM activity
    WHERE organisation_id = of_organisation AND id = of_activity AND deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;
    DELETE FROM finding WHERE roster_id BETWEEN one.roster_id AND one.roster_id AND origin = 'rosters';
    WITH shared AS MATERIALIZED (
        SELECT mine.kind, mine.ordinal, mine.object_id, mine.content AS ours, other.content AS theirs, other.rosters,
            mine.upload = since AS is_new,
            other.content <> mine.content
                AND (other.latest < mine.upload OR other.upload = other.latest) AS differs,
            CASE WHEN other.upload > mine.upload THEN mine.refs ELSE other.refs END AS before,
            CASE WHEN other.upload > mine.upload THEN other.refs ELSE mine.refs END AS after
        FROM (
            SELECT item.kind, item.ordinal, item.object_id, item.upload, item.refs,
                coalesce(item.outgoing, item.source) AS content
            FROM roster_item item
            WHERE item.roster_id BETWEEN one.roster_id AND one.roster_id AND item.kind <> 'duties' OFFSET 0
        ) mine CROSS JOIN LATERAL (
            -- what is the same in several rosters is held against this one once
            SELECT item.content, item.refs, max(item.upload) AS upload, array_agg(item.roster_id) AS rosters,
                max(max(item.upload)) OVER () AS latest
            FROM (
                SELECT other.roster_id, other.upload, other.refs, coalesce(other.outgoing, other.source) AS content
                FROM roster_item other
                WHERE other.object_id = mine.object_id AND other.organisation_id = of_organisation
                    AND other.kind = mine.kind AND other.roster_id <> one.roster_id OFFSET 0
            ) item
            GROUP BY item.content, item.refs
        ) other
    ), compared AS (
        SELECT shared.*, mine.marking <> theirs.marking AS marking, mine.eppn IS DISTINCT FROM theirs.eppn AS eppn,
            mine.name IS DISTINCT FROM theirs.name AS name
        FROM shared CROSS JOIN LATERAL (
            SELECT marking, eppn, name FROM content
            WHERE content.organisation_id = of_organisation AND content.digest = shared.ours OFFSET 0
        ) mine CROSS JOIN LATERAL (
            SELECT marking, eppn, name FROM content
            WHERE content.organisation_id = of_organisation AND content.digest = shared.theirs OFFSET 0
        ) theirs
        WHERE shared.differs
    ), found AS (
        SELECT compared.kind, compared.ordinal, compared.object_id, said.code, said.severity, said.pointer,
            array_agg(DISTINCT whose.activity_id) AS ids, NULL::integer AS count
        FROM compared CROSS JOIN LATERAL (VALUES
            ('roster_differs_marking', 'warning', '/securityMarking', marking),
            ('roster_differs_eppn', 'warning', '/eduPersonPrincipalNames/0', eppn),
            ('roster_differs_name', 'warning', CASE compared.kind WHEN 'persons' THEN '' ELSE '/displayName' END, name),
            -- what is said instead of the three to who may not be told which of them it is, nor how many
            ('roster_differs', 'warning', '', marking IS TRUE OR eppn OR name)
        ) said (code, severity, pointer, differs) CROSS JOIN LATERAL (
            SELECT roster.activity_id FROM roster
            WHERE roster.organisation_id = of_organisation AND roster.id = ANY (compared.rosters) OFFSET 0
        ) whose
        WHERE said.differs
        GROUP BY compared.kind, compared.ordinal, compared.object_id, said.code, said.severity, said.pointer
        UNION ALL
        SELECT compared.kind, compared.ordinal, compared.object_id, said.code, said.severity, '/groupMemberships',
            array_agg(DISTINCT lost.id), NULL
        FROM compared CROSS JOIN LATERAL (
            SELECT unnest(compared.before) EXCEPT SELECT unnest(compared.after)
        ) lost (id) CROSS JOIN (VALUES ('roster_differs_members', 'warning')) said (code, severity)
        WHERE compared.kind = 'groups'
        GROUP BY compared.kind, compared.ordinal, compared.object_id, said.code, said.severity
        UNION ALL
        SELECT mine.kind, mine.ordinal, mine.object_id, said.code, said.severity, '/eduPersonPrincipalNames/0',
            ARRAY[owner.object_id], NULL
        FROM (
            SELECT item.kind, item.ordinal, item.object_id, coalesce(item.outgoing, item.source) AS content
            FROM roster_item item
            WHERE item.roster_id BETWEEN one.roster_id AND one.roster_id AND item.kind = 'persons' OFFSET 0
        ) mine CROSS JOIN LATERAL (
            SELECT content.eppn FROM content
            WHERE content.organisation_id = of_organisation AND content.digest = mine.content OFFSET 0
        ) wanted CROSS JOIN LATERAL (
            SELECT eppn.object_id FROM eppn
            WHERE eppn.organisation_id = of_organisation AND eppn.eppn = wanted.eppn OFFSET 0
        ) owner CROSS JOIN (VALUES ('eppn_of_another_before', 'error')) said (code, severity)
        WHERE owner.object_id <> mine.object_id
        UNION ALL
        SELECT item.kind, item.ordinal, item.object_id, said.code, said.severity, '', NULL, NULL
        FROM (
            SELECT object_id FROM erasure
            WHERE organisation_id = of_organisation AND kind = 'persons' AND erased_at IS NOT NULL OFFSET 0
        ) gone CROSS JOIN LATERAL (
            SELECT kind, ordinal, object_id, roster_id FROM roster_item WHERE roster_item.object_id = gone.object_id OFFSET 0
        ) item CROSS JOIN (VALUES ('erased_before', 'warning')) said (code, severity)
        WHERE item.roster_id = one.roster_id AND item.kind = 'persons'
        UNION ALL
        -- What is about the whole list stands before all of its objects.
        SELECT sent.kind, -1, NULL, said.code, said.severity, '', NULL, said.count
        FROM (
            SELECT last.kind, last.number, sum(last.number) OVER () AS all_before,
                sum(coalesce((one.counts ->> last.kind)::integer, 0)) OVER () AS all_now,
                last.number - coalesce((one.counts ->> last.kind)::integer, 0) AS fewer
            FROM last_sent(of_organisation, of_activity) last
        ) sent CROSS JOIN LATERAL (VALUES
            ('roster_empty', 'error', sent.number, sent.all_now = 0 AND sent.number > 0),
            ('roster_shrinks', 'warning', sent.fewer,
                sent.all_now > 0 AND sent.fewer >= 5 AND sent.fewer * 10 > sent.number)
        ) said (code, severity, count, holds)
        WHERE said.holds
    ), written AS (
        INSERT INTO finding (organisation_id, roster_id, kind, ordinal, origin, number, object_id, code, severity,
            pointer, ids, count)
        SELECT of_organisation, one.roster_id, found.kind, found.ordinal, 'rosters',
            row_number() OVER (PARTITION BY found.kind, found.ordinal ORDER BY found.code), found.object_id,
            found.code, found.severity, found.pointer, found.ids, found.count
        FROM found
    )
    SELECT array_agg(DISTINCT each.id) INTO others FROM shared CROSS JOIN unnest(shared.rosters) AS each (id)
    WHERE shared.is_new;
    RETURN coalesce(others, '{}');
END $$;

-- Lists the other rosters that have an object which a roster of the organisation had, and which the one in its place
-- (NULL: none) has not.
CREATE OR REPLACE FUNCTION rosters_left_with(of_organisation uuid, old_roster uuid, new_roster uuid) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(DISTINCT other.roster_id), '{}') FROM (
        SELECT kind, object_id FROM roster_item
        WHERE roster_id BETWEEN old_roster AND old_roster AND kind <> 'duties'
        EXCEPT
        SELECT kind, object_id FROM roster_item WHERE roster_id BETWEEN new_roster AND new_roster
    ) gone CROSS JOIN LATERAL (
        SELECT item.roster_id FROM roster_item item
        WHERE item.object_id = gone.object_id AND item.kind = gone.kind AND item.organisation_id = of_organisation
        OFFSET 0
    ) other
    WHERE other.roster_id <> old_roster
$$;
