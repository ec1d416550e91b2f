#!/bin/bash
# Writes a backup of the database: backup.sh FILE [COMMAND…]. COMMAND seals it on the way, for example
# `gpg --encrypt --recipient KEY`; without one the file is as pg_dump writes it.
#
# Which database is said by libpq's variables (PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE): an address as an argument
# would show its password to everybody on the machine. pg_dump has to be of the server's version or newer.
set -euo pipefail
umask 077
if [ $# -eq 0 ]; then
    echo "backup.sh: name the file to write: backup.sh FILE [COMMAND…]" >&2
    exit 2
fi
file=$1
shift
[ $# -gt 0 ] || set -- cat

# Under another name until it is whole: a backup that broke off is never taken for one.
trap 'rm -f -- "$file.part"' EXIT
pg_dump --no-password --format=custom --no-owner --no-privileges | "$@" > "$file.part"
sync -- "$file.part"
mv -- "$file.part" "$file"
