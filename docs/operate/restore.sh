#!/bin/bash
# Loads a backup into an empty database, all of it or nothing: restore.sh FILE [COMMAND…]. COMMAND opens what backup.sh's
# has sealed, for example `gpg --decrypt`. Which database is said by libpq's variables, as for backup.sh.
set -euo pipefail
if [ $# -eq 0 ]; then
    echo "restore.sh: name the file to load: restore.sh FILE [COMMAND…]" >&2
    exit 2
fi
file=$1
shift
[ $# -gt 0 ] || set -- cat

found=$(psql --no-password --no-psqlrc --no-align --tuples-only --command "
    SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
if [ "$found" != 0 ]; then
    echo "restore.sh: the database has something in it: restore into an empty one" >&2
    exit 1
fi
"$@" < "$file" | pg_restore --no-password --dbname="$PGDATABASE" --exit-on-error --single-transaction --no-owner --no-privileges
# Without them the first queries after the restore would be planned blindly.
psql --no-password --no-psqlrc --quiet --command "ANALYZE"
