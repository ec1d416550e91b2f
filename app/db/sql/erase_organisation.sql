-- Takes from an organisation what its contents are opened with, at the time `at`, and who may ask for them: its salt and
-- digest key, its keys, what claims of providers are worth, sessions, tokens and webhooks, and the answers that are kept
-- for repeats. Who calls has seen that no run is under way. What is sealed can be opened by nobody from then on, in
-- whichever copy of the table it lies.
CREATE OR REPLACE FUNCTION erase_organisation(of_organisation uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM act_for(of_organisation);
    UPDATE organisation SET salt = decode(repeat('00', 32), 'hex'), digest_key = NULL, erased_at = at,
        disabled_at = coalesce(disabled_at, at), certificate_file = NULL, key_file = NULL, entity_id = NULL
    WHERE id = of_organisation;
    UPDATE api_key SET revoked_at = at WHERE organisation_id = of_organisation AND revoked_at IS NULL;
    DELETE FROM session WHERE organisation_id = of_organisation;
    DELETE FROM sign_in_mapping WHERE organisation_id = of_organisation;
    DELETE FROM access_token WHERE organisation_id = of_organisation;
    DELETE FROM idempotency_key WHERE organisation_id = of_organisation;
    DELETE FROM webhook_delivery WHERE organisation_id = of_organisation;
    DELETE FROM webhook WHERE organisation_id = of_organisation;
    PERFORM set_config('provkedja.forgetting', 'on', true);
    UPDATE pause SET reason_sealed = NULL WHERE organisation_id = of_organisation AND reason_sealed IS NOT NULL;
    PERFORM set_config('provkedja.forgetting', 'off', true);
    UPDATE activity SET display_name_sealed = NULL, deleted_at = coalesce(deleted_at, at), counts = '{}', bytes = 0,
        digest = NULL, findings_errors = 0, findings_warnings = 0, findings_by_code = '{}'
    WHERE organisation_id = of_organisation;
END $$;

-- Deletes at most so many rows of each kind that an erased organisation has left: contents that nobody can open, what
-- its rosters and plans had, digests. Gives how many that were; 0 when nothing is left.
CREATE OR REPLACE FUNCTION clear_organisation(of_organisation uuid, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
    all_gone bigint := 0;
    of_roster uuid;
    planned uuid;
BEGIN
    PERFORM act_for(of_organisation);
    PERFORM FROM organisation WHERE id = of_organisation AND erased_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('erased_organisation', 'an organisation that is not erased is not cleared');
    END IF;
    PERFORM set_config('provkedja.forgetting', 'on', true);
    DELETE FROM content WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM content WHERE organisation_id = of_organisation LIMIT most
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    all_gone := all_gone + gone;
    DELETE FROM eppn WHERE ctid = ANY (ARRAY(SELECT ctid FROM eppn WHERE organisation_id = of_organisation LIMIT most));
    GET DIAGNOSTICS gone = ROW_COUNT;
    all_gone := all_gone + gone;
    DELETE FROM protected_object WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM protected_object WHERE organisation_id = of_organisation LIMIT most
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    all_gone := all_gone + gone;
    DELETE FROM last_listed WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM last_listed WHERE organisation_id = of_organisation LIMIT most
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    all_gone := all_gone + gone;
    FOR of_roster IN SELECT roster_id FROM activity WHERE organisation_id = of_organisation LOOP
        EXIT WHEN all_gone >= most;
        DELETE FROM roster_item WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM roster_item WHERE roster_id BETWEEN of_roster AND of_roster LIMIT most
        ));
        GET DIAGNOSTICS gone = ROW_COUNT;
        all_gone := all_gone + gone;
        DELETE FROM finding WHERE roster_id BETWEEN of_roster AND of_roster;
    END LOOP;
    FOR planned IN SELECT plan.id FROM plan WHERE plan.organisation_id = of_organisation LOOP
        EXIT WHEN all_gone >= most;
        DELETE FROM plan_item WHERE plan_id BETWEEN planned AND planned;
        GET DIAGNOSTICS gone = ROW_COUNT;
        all_gone := all_gone + gone + 1;
        DELETE FROM plan WHERE plan.organisation_id = of_organisation AND plan.id = planned;
    END LOOP;
    UPDATE object SET marking = 0, eppn = NULL, civic_no = NULL, name = NULL WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM object
        WHERE organisation_id = of_organisation AND (eppn IS NOT NULL OR civic_no IS NOT NULL OR name IS NOT NULL)
        LIMIT most
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    all_gone := all_gone + gone;
    UPDATE batch SET request_sha256 = NULL WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM batch WHERE organisation_id = of_organisation AND request_sha256 IS NOT NULL LIMIT most
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    all_gone := all_gone + gone;
    PERFORM set_config('provkedja.forgetting', 'off', true);
    RETURN all_gone;
END $$;
