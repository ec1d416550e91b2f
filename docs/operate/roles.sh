#!/bin/bash
# Makes the roles of the database, and the database that one of them owns: once for a server, as its superuser.
#
# OWNER_PASSWORD, API_PASSWORD and WORKER_PASSWORD are their passwords; libpq's variables say where and as whom (PGHOST,
# PGUSER, PGPASSWORD …). provkedja_owner migrates, provkedja_api serves, provkedja_worker works and runs commands. None is a
# superuser or passes row-level security by; the superuser is for this alone. Roles that are there get the passwords anew.
set -euo pipefail
: "${OWNER_PASSWORD:?}" "${API_PASSWORD:?}" "${WORKER_PASSWORD:?}"

# Passwords go in by the environment: an argument can be read by every user of the machine.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="${ADMIN_DATABASE:-postgres}" <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv api API_PASSWORD
\getenv worker WORKER_PASSWORD
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['provkedja_owner', 'provkedja_api', 'provkedja_worker']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
-- Nothing of a statement with a password goes to the log, whatever that is set to write.
SET log_statement = none;
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
ALTER ROLE provkedja_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'owner';
ALTER ROLE provkedja_api LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'api';
ALTER ROLE provkedja_worker LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'worker';
-- The doctor names sessions that others wait for. Of their statements nobody sees a value.
GRANT pg_read_all_stats TO provkedja_owner, provkedja_api, provkedja_worker;
SELECT 'CREATE DATABASE provkedja OWNER provkedja_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'provkedja') \gexec
REVOKE ALL ON DATABASE provkedja FROM PUBLIC;
GRANT CONNECT ON DATABASE provkedja TO provkedja_api, provkedja_worker;
SQL
