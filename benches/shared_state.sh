#!/usr/bin/env bash
# What a state store on PostgreSQL costs against SQLite, one server on each over the same simulated drive: a folder that
# is asked of the drive (two calls: it and the one above it), one that is remembered, a PUT of 1 KB (two calls). In turns;
# medians of all requests.
# Runs as: tests/postgres.sh benches/shared_state.sh. Needs curl, jq, python3.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
ROUNDS="${ROUNDS:-5}" REQUESTS="${REQUESTS:-100}"
[ -n "${POSTGRES_FOR_TESTS:-}" ] || { echo "run it by tests/postgres.sh"; exit 1; }

simulate
lever rules '{"rate_limits":false}'
lever fill/default/folder '{"count":20}'
head -c 1024 /dev/zero >"$WORK/1k"
serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
SQLITE=$URL
export ALIDAV_STATE="$POSTGRES_FOR_TESTS"
serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
POSTGRES=$URL

# requests KIND SERVER ROUND: the milliseconds of each request, by one connection.
requests() {
    local i
    for i in $(seq "$REQUESTS"); do
        [ "$i" -eq 1 ] || echo next
        printf '%s\n' 'silent' 'user = "me:secret word"' 'output = /dev/null' 'write-out = "%{time_total}\n"'
        case $1 in
            asked) printf '%s\n' "url = $2/dav/folder/" 'request = PROPFIND' 'header = "Depth: 1"' 'header = "Cache-Control: no-cache"' ;;
            remembered) printf '%s\n' "url = $2/dav/folder/" 'request = PROPFIND' 'header = "Depth: 1"' ;;
            put) printf '%s\n' "url = $2/dav/put.$3.$i.$RANDOM" "upload-file = $WORK/1k" ;;
        esac
    done >"$WORK/requests"
    curl -K "$WORK/requests" | awk '{ print $1 * 1000 }'
}

median() {
    sort -n "$1" | awk '{ a[NR] = $1 } END { printf "%.2f", a[int((NR + 1) / 2)] }'
}

for kind in asked remembered put; do
    requests "$kind" "$SQLITE" 0 >/dev/null
    requests "$kind" "$POSTGRES" 0 >/dev/null
    : >"$WORK/sqlite.ms"
    : >"$WORK/postgres.ms"
    for round in $(seq "$ROUNDS"); do
        requests "$kind" "$SQLITE" "$round" >>"$WORK/sqlite.ms"
        requests "$kind" "$POSTGRES" "$round" >>"$WORK/postgres.ms"
    done
    printf '%-11s SQLite %s ms, PostgreSQL %s ms\n' "$kind" "$(median "$WORK/sqlite.ms")" "$(median "$WORK/postgres.ms")"
done
