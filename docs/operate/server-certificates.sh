#!/bin/bash
# Makes certificates for TLS between your own machines: server-certificates.sh FOLDER NAME[:UID]…
#
# FOLDER/authority/ca.pem is what clients trust; FOLDER/NAME/server.pem and server.key are for the server that clients
# reach as NAME, the key for the user UID alone. The authority's own key is thrown away: nobody can ever sign another
# certificate in its name. They hold for two years. What is there stays until less than 60 days of that are left; then
# all are made anew, and servers and clients have to be started anew.
set -euo pipefail
umask 022
if [ $# -lt 2 ]; then
    echo "server-certificates.sh: name a folder and the servers: server-certificates.sh FOLDER NAME[:UID]…" >&2
    exit 2
fi
folder=$1
shift

good=yes
for server in authority/ca "${@/%:*//server}"; do
    case $server in */*) ;; *) server=$server/server ;; esac
    [ -e "$folder/$server.pem" ] && openssl x509 -checkend 5184000 -noout -in "$folder/$server.pem" >/dev/null || good=no
done
[ $good = no ] || exit 0

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
printf '[req]\ndistinguished_name = name\n[name]\n' > "$work/config"
sign() {  # NAME SUBJECT OPTION…
    local name=$1 subject=$2
    shift 2
    openssl req -x509 -config "$work/config" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days 730 \
        -keyout "$work/$name.key" -out "$work/$name.pem" -subj "/CN=$subject" "$@" 2>"$work/said" ||
        { cat "$work/said" >&2; return 1; }
}
sign ca 'Provkedja servers' -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign
for server in "$@"; do
    name=${server%%:*}
    case $name in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
    sign "$name" "$name" -CA "$work/ca.pem" -CAkey "$work/ca.key" -addext "subjectAltName=$kind:$name" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth
done

# Put in place under another name first: a server that starts meanwhile reads the old one or the new one.
lay() {  # MODE OWNER FILE TARGET
    mkdir -p -m 0755 -- "${4%/*}"
    install -m "$1" ${2:+-o "$2"} -- "$work/$3" "$4.new"
    mv -- "$4.new" "$4"
}
for server in "$@"; do
    name=${server%%:*} owner=
    case $server in *:*) owner=${server##*:} ;; esac
    lay 0400 "$owner" "$name.key" "$folder/$name/server.key"
    lay 0444 '' "$name.pem" "$folder/$name/server.pem"
done
lay 0444 '' ca.pem "$folder/authority/ca.pem"
