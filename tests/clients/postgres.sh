#!/usr/bin/env bash
# The state store on a PostgreSQL that proves who it is, and on one whose place another takes: a standby, first as the
# replica that it is, then as the primary.
here=$(cd "$(dirname "$0")" && pwd)
[ "${1:-}" = within ] || exec "$here/../postgres.sh" bash "$0" within
LOG=${LOG:-info,alidav=debug}
source "$here/lib.sh"
DATA=$(dirname "$POSTGRES_PID_FILE")
STANDBY=$(dirname "$DATA")/standby
PORT=$(psql -XAtc 'SHOW port' "$POSTGRES_FOR_TESTS")
# The servers' own user, where that is another; what a server asks of another one it looks up in a folder of its own.
as=(env "HOME=$(dirname "$DATA")")
[ "$(id -u)" -ne 0 ] || as+=(setpriv --reuid=postgres --regid=postgres --init-groups)
bin=$(psql -XAtc "SELECT setting FROM pg_config WHERE name = 'BINDIR'" "$POSTGRES_FOR_TESTS")

sql() { psql -XAtc "$1" "$POSTGRES_FOR_TESTS"; }

# certificate NAME HOST: an authority of its own, and a server's certificate by it.
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=authority $1" -keyout "$WORK/$1.authority.key" \
        -out "$WORK/$1.authority.pem" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$WORK/$1.key" -out "$WORK/$1.request" 2>/dev/null
    openssl x509 -req -in "$WORK/$1.request" -days 2 -CA "$WORK/$1.authority.pem" -CAkey "$WORK/$1.authority.key" \
        -CAcreateserial -extfile <(echo "subjectAltName = DNS:$2") -out "$WORK/$1.pem" 2>/dev/null
}

# check QUERY [HOST]: what `alidav check` says of the store by an address with such an end.
check() {
    ALIDAV_STATE="${POSTGRES_FOR_TESTS/127.0.0.1/${2:-localhost}}?$1" "$ALIDAV" check --config "$WORK/alidav.toml" 2>&1 || true
}

simulate
write_settings '[[mount]]' 'path = "/"' 'link_policy = "proxy"'

echo "a server that proves who it is ($SECONDS s)"
certificate true localhost
certificate other localhost
for kind in pem key; do
    install -m 600 "$WORK/true.$kind" "$DATA/tls.$kind"
    chown --reference="$DATA" "$DATA/tls.$kind"
done
sql "ALTER SYSTEM SET ssl = on" >/dev/null
sql "ALTER SYSTEM SET ssl_cert_file = 'tls.pem'" >/dev/null
sql "ALTER SYSTEM SET ssl_key_file = 'tls.key'" >/dev/null
# Nobody comes in without.
sed -i 's/^host\b/hostssl/' "$DATA/pg_hba.conf"
sql "SELECT pg_reload_conf()" >/dev/null
for _ in $(seq 100); do [ "$(sql 'SHOW ssl')" != on ] || break; sleep 0.1; done
full="sslmode=verify-full&sslrootcert=$WORK/true.authority.pem"
contains "verify-full" "PostgreSQL" "$(check "$full")"
contains "verify-ca by the address" "PostgreSQL" "$(check "${full/full/ca}" 127.0.0.1)"
contains "another name" "check \`sslmode\` and \`sslrootcert\`" "$(check "$full" 127.0.0.1)"
contains "another authority" "check \`sslmode\` and \`sslrootcert\`" "$(check "${full/true/other}")"
contains "an authority that the system does not know" "check \`sslmode\` and \`sslrootcert\`" "$(check sslmode=verify-full)"
contains "no file" "no.pem" "$(check "sslmode=verify-full&sslrootcert=$WORK/no.pem")"
contains "not encrypted" "pg_hba" "$(check sslmode=disable)"

ALIDAV_STATE="${POSTGRES_FOR_TESTS/127.0.0.1/localhost}?$full" start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
URL=$ADDRESS
equal "encrypted" t "$(sql "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'alidav%'")"

echo "its standby takes its place ($SECONDS s)"
standby() {
    # The log is not the servers' own user's, nor is this folder.
    (cd / && exec "${as[@]}" "$bin/postgres" -D "$STANDBY" -p "$1") >>"$WORK/standby.log" 2>&1 &
    SERVER=$!
    PIDS+=("$SERVER")
    for _ in $(seq 300); do
        "$bin/pg_isready" -q -h 127.0.0.1 -p "$1" && return
        sleep 0.1
    done
    echo "the standby did not start"
    return 1
}
(cd / && "${as[@]}" "$bin/pg_basebackup" -D "$STANDBY" -R -X stream -c fast -d "$POSTGRES_FOR_TESTS")
other_port=$(free_port)
standby "$other_port"
printf 'first' >"$WORK/first"
printf 'second' >"$WORK/second"
equal "put" 201 "$(status -T "$WORK/first" "$URL/dav/a")"
lock='<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>'
token=$(http -D - -o /dev/null -X LOCK -H 'Timeout: Second-600' -d "$lock" "$URL/dav/a" | sed -n 's/^lock-token: //Ip' | tr -d '\r')
written=$(sql 'SELECT pg_current_wal_lsn()')
caught_up=f
for _ in $(seq 300); do
    caught_up=$(psql -XAtc "SELECT pg_last_wal_replay_lsn() >= '$written'" "${POSTGRES_FOR_TESTS/:$PORT/:$other_port}")
    [ "$caught_up" != t ] || break
    sleep 0.1
done
equal "the standby has it" t "$caught_up"
sh -c "$POSTGRES_CONTROL stop -m immediate" >/dev/null
end_process "$SERVER" -INT
equal "nothing is there: read" 207 "$(status -X PROPFIND -H 'Depth: 1' "$URL/dav/")"
equal "nothing is there: changed" 503 "$(status -T "$WORK/second" -H "If: ($token)" "$URL/dav/a")"
standby "$PORT"
answer=$(http -D - -o /dev/null -T "$WORK/second" -H "If: ($token)" "$URL/dav/a")
contains "a replica" "503 Service Unavailable" "$answer"
contains "a replica" "retry-after:" "$answer"
equal "a new listing" 207 "$(status -X PROPFIND -H 'Depth: 1' -H 'Cache-Control: no-cache' "$URL/dav/")"
equal "the old content" first "$(http "$URL/dav/a")"
(cd / && "${as[@]}" "$bin/pg_ctl" promote --silent -D "$STANDBY")
for _ in $(seq 300); do
    answer=$(status -T "$WORK/second" -H "If: ($token)" "$URL/dav/a")
    [ "$answer" = 503 ] || break
    sleep 0.1
done
equal "promoted: with the lock" 204 "$answer"
equal "promoted: without" 423 "$(status -T "$WORK/first" "$URL/dav/a")"
equal "the new content" second "$(http "$URL/dav/a")"
equal "unlocked" 204 "$(status -X UNLOCK -H "Lock-Token: $token" "$URL/dav/a")"
lever expire/access_tokens
equal "the token was kept" 201 "$(status -T "$WORK/first" "$URL/dav/b")"
echo "$CHECKS checks in $SECONDS s"
