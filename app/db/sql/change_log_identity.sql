-- Tells the log of changes from that of any other database, and from its own before a restore: numbers of transactions
-- come again on another timeline, in another cluster, in a database or a table that was made anew from a dump.
CREATE OR REPLACE FUNCTION change_log_identity() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(
        '/', (SELECT system_identifier FROM pg_control_system()),
        left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
        (SELECT oid FROM pg_database WHERE datname = current_database()), 'job'::regclass::oid
    )
$$;
