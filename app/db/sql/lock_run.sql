-- Locks the activity of a run and then the run; gives the run, or one without an id where the organisation has none such.
CREATE OR REPLACE FUNCTION lock_run(of_organisation uuid, of_run uuid) RETURNS run LANGUAGE plpgsql AS $$
DECLARE
    one run;
BEGIN
    SELECT * INTO one FROM run WHERE id = of_run AND (organisation_id = of_organisation) IS TRUE;
    PERFORM FROM activity WHERE organisation_id = one.organisation_id AND id = one.activity_id FOR NO KEY UPDATE;
    SELECT * INTO one FROM run WHERE id = one.id FOR NO KEY UPDATE;
    RETURN one;
END $$;
