#!/bin/bash
# Makes the roles of the database, and the database that one of them owns: once for a server, as its superuser.
#
# OWNER_PASSWORD, API_PASSWORD and WORKER_PASSWORD are their passwords; libpq's variables say where and as whom (PGHOST,
# PGUSER, PGPASSWORD …). provkedja_owner migrates, provkedja_api serves, provkedja_worker works and runs commands. None is a
# superuser or passes row-level security by; the superuser is for this alone. Roles that are there get the passwords anew.
set -euo pipefail
: "${OWNER_PASSWORD:?}" "${API_PASSWORD:?}" "${WORKER_PASSWORD:?}"

# Nothing of a statement with a password's digest goes to the log, whatever that is set to write.
export PGOPTIONS="${PGOPTIONS:-} -c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic"
export PGOPTIONS="$PGOPTIONS -c password_encryption=scram-sha-256"
psql=(psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="${ADMIN_DATABASE:-postgres}")

"${psql[@]}" <<'SQL'
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['provkedja_owner', 'provkedja_api', 'provkedja_worker']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE provkedja_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
ALTER ROLE provkedja_api LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
ALTER ROLE provkedja_worker LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
-- The doctor names sessions that others wait for. Of their statements nobody sees a value.
GRANT pg_read_all_stats TO provkedja_owner, provkedja_api, provkedja_worker;
SELECT 'CREATE DATABASE provkedja OWNER provkedja_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'provkedja') \gexec
REVOKE ALL ON DATABASE provkedja FROM PUBLIC;
GRANT CONNECT ON DATABASE provkedja TO provkedja_api, provkedja_worker;
SQL

# psql has a password's SCRAM-SHA-256 digest sent and nothing else: who may read statements, of pg_stat_statements for
# example, reads no password. It asks the terminal, twice for each; without one, as setsid has it, what it is given here.
# An argument, or a file, can be read by others; what a shell says by itself can't.
printf '%s\n' "$OWNER_PASSWORD" "$OWNER_PASSWORD" "$API_PASSWORD" "$API_PASSWORD" "$WORKER_PASSWORD" "$WORKER_PASSWORD" |
    setsid "${psql[@]}" --command='\password provkedja_owner' --command='\password provkedja_api' \
        --command='\password provkedja_worker'
