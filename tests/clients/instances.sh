#!/usr/bin/env bash
# Two alidav on one PostgreSQL, behind nginx that gives each request to the other one than the last: clients work as with
# one, and a load goes on while servers are killed, stopped and replaced, and the database under them. One of the two
# goes by a clock that is an hour ahead.
here=$(cd "$(dirname "$0")" && pwd)
[ "${1:-}" = within ] || exec "$here/../postgres.sh" bash "$0" within
LOG=${LOG:-info,alidav=debug}
source "$here/lib.sh"
export ALIDAV_STATE=$POSTGRES_FOR_TESTS RCLONE_CONFIG="$WORK/rclone.conf"
: "${SECONDS_OF_LOAD:=90}"
declare -A PORTS=([one]=$(free_port) [two]=$(free_port)) PROCESSES=()
BALANCER=$(free_port)
STARTS=0
# Debian's faketime; nothing lets both have the machine's clock.
: "${AHEAD=$(find /usr/lib -name libfaketimeMT.so.1 | head -1)}"

# instance NAME: starts one of the two, at its port.
instance() {
    local clock=()
    [ "$1" = one ] || [ -z "$AHEAD" ] || clock=(env LD_PRELOAD="$AHEAD" FAKETIME=+1h FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1)
    STARTS=$((STARTS + 1))
    sed "1s/127.0.0.1:0/127.0.0.1:${PORTS[$1]}/" "$WORK/alidav.toml" >"$WORK/$1.toml"
    chmod 600 "$WORK/$1.toml"
    ALIDAV_INSTANCE=$1 start "alidav.$STARTS.$1" "${clock[@]}" "$ALIDAV" serve --config "$WORK/$1.toml"
    PROCESSES[$1]=${PIDS[-1]}
}

# sha1 FILE, and of what comes.
sha1() { sha1sum "$@" | cut -d' ' -f1; }

# refused WHAT: how often the drive has refused calls, downloads or spent_tokens since the last reset.
refused() { curl -sf "$SIM/sim/refused" | jq ".$1"; }

simulate
lever rules "$no_rates"
write_settings '[cache]' 'list_ttl_s = 10' 'watch_s = 5' '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
sed -i '1a trusted_proxies = ["127.0.0.1"]' "$WORK/alidav.toml"
instance one
instance two

LOCATION=$(sed -n '/^```nginx$/,/^```$/{/^```/d;p}' "$here/../../docs/operation.md" | sed "s#http://127.0.0.1:8080#http://alidav#")
nginx_within_http <<CONF
    # A client is to hear of each answer that was lost: nothing is sent twice.
    proxy_next_upstream off;
    upstream alidav {
        server 127.0.0.1:${PORTS[one]} fail_timeout=1s;
        server 127.0.0.1:${PORTS[two]} fail_timeout=1s;
    }
    server {
        listen 127.0.0.1:$BALANCER;
$LOCATION
    }
CONF
nginx -c "$WORK/nginx.conf" -e "$WORK/nginx/error.log" 2>>"$WORK/nginx.log" &
PIDS+=($!)
URL="http://127.0.0.1:$BALANCER"
for _ in $(seq 50); do curl -s -o /dev/null "$URL/healthz" && break; sleep 0.1; done

echo "file managers ($SECONDS s)"
for client in finder explorer; do
    SERVED_BY="$SIM $URL 2" bash "$here/$client.sh"
done

echo "litmus ($SECONDS s)"
(cd "$WORK" && timeout 200 litmus -k "$URL/dav/" me "secret word" >"$WORK/litmus.log" 2>&1) || true
equal "nothing failed" "" "$(grep FAIL "$WORK/litmus.log")"
for suite in basic copymove props locks http; do
    contains "$suite" "100.0%" "$(grep "summary for \`$suite'" "$WORK/litmus.log")"
done

echo "rclone ($SECONDS s)"
rclone config create r webdav url="$URL/dav" vendor=nextcloud nextcloud_chunk_size=0 user=me pass="secret word" \
    --obscure >/dev/null 2>&1
mkdir -p "$WORK/tree/deep/er" "$WORK/tree/电影"
for n in $(seq 40); do head -c $((RANDOM + 10)) /dev/urandom >"$WORK/tree/file & $n"; done
head -c 9000000 /dev/urandom >"$WORK/tree/deep/er/large.bin"
head -c 70000 /dev/urandom >"$WORK/tree/电影/大片.mkv"
rclone copy "$WORK/tree" r:tree
rclone check "$WORK/tree" r:tree 2>&1 | tail -1
rclone check --download "$WORK/tree" r:tree 2>&1 | tail -1
rclone copy r:tree "$WORK/back"
equal "copied back" "" "$(diff -r "$WORK/tree" "$WORK/back" 2>&1)"
rclone move r:tree r:moved
equal "moved" "$(cd "$WORK/tree" && find . -type f | LC_ALL=C sort)" "$(rclone lsf -R --files-only r:moved | sed 's,^,./,' | LC_ALL=C sort)"
rclone purge r:moved
equal "nothing is left" "" "$(curl -sf "$SIM/sim/tree" | jq -r '[.[] | .path | select(startswith("/litmus") | not)] | join(" ")')"

echo "a film ($SECONDS s)"
ffmpeg -v error -f lavfi -i testsrc=duration=20:size=320x240:rate=10 -g 10 -y "$WORK/end.mp4"
head -c 40000000 /dev/urandom >"$WORK/film.bin"
# Films are larger than what listings name an address for.
lever rules '{"listed_url":"absent"}'
rclone copyto "$WORK/end.mp4" r:films/end.mp4
rclone copyto "$WORK/film.bin" r:film.bin
film="http://me:secret%20word@${URL#http://}/dav/films/end.mp4"
equal "length" 20.000000 "$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$film")"
for at in 3 15 9; do
    frame() { ffmpeg -v error -ss "$at" -i "$1" -frames:v 1 -f rawvideo - | sha1; }
    equal "frame at $at s" "$(frame "$WORK/end.mp4")" "$(frame "$film")"
done
equal "the whole" "$(sha1 "$WORK/film.bin")" "$(http "$URL/dav/film.bin" | sha1)"
for at in 0 12345678 39999000; do
    equal "from $at" "$(tail -c +$((at + 1)) "$WORK/film.bin" | sha1)" "$(http -r "$at-" "$URL/dav/film.bin" | sha1)"
done
lever rules '{"listed_url":"content"}'

echo "locks by different clocks ($SECONDS s)"
ahead_by=$(($(date -d "$(http -sI "http://127.0.0.1:${PORTS[two]}/healthz" | sed -n 's/^date: //Ip')" +%s) - $(date +%s)))
[ "$ahead_by" -gt 3000 ] || echo "skipped: this program's clock cannot be set ($ahead_by s)"
for pair in "one two" "two one"; do
    read -r by other <<<"$pair"
    file="/dav/locked by $by"
    file=${file// /%20}
    equal "put" 201 "$(status -T "$WORK/back/file & 1" "http://127.0.0.1:${PORTS[$by]}$file")"
    lock='<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>'
    token=$(http -D - -o /dev/null -X LOCK -H 'Timeout: Second-600' -d "$lock" "http://127.0.0.1:${PORTS[$by]}$file" | sed -n 's/^lock-token: //Ip' | tr -d '\r')
    equal "locked by $by at $other" 423 "$(status -T "$WORK/back/file & 2" "http://127.0.0.1:${PORTS[$other]}$file")"
    equal "with the lock at $other" 204 "$(status -H "If: ($token)" -T "$WORK/back/file & 2" "http://127.0.0.1:${PORTS[$other]}$file")"
    equal "unlocked at $other" 204 "$(status -X UNLOCK -H "Lock-Token: $token" "http://127.0.0.1:${PORTS[$other]}$file")"
    equal "removed" 204 "$(status -X DELETE "http://127.0.0.1:${PORTS[$by]}$file")"
done

# The load: at the documented rates, with short lives.
end_process "${PROCESSES[one]}" -TERM
end_process "${PROCESSES[two]}" -TERM
export ALIDAV_UPSTREAM__LIST_PER_S=4 ALIDAV_UPSTREAM__LINK_PER_S=1 ALIDAV_UPSTREAM__OTHER_PER_S=15
lever rules '{"rate_limits":true,"access_token_s":12,"link_s":20,"part_url_s":20,"download_bytes_per_s":3000000}'
# Rates are counted over ten seconds.
sleep 10
lever expire/access_tokens
lever reset
instance one
instance two
TROUBLES="$WORK/troubles"
: >"$TROUBLES"

# trouble COMMAND...: while it runs, what servers remember may be old.
trouble() {
    local begun
    begun=$(date +%s.%N)
    "$@"
    echo "$begun $(date +%s.%N)" >>"$TROUBLES"
}
# A kill in the very moment of a renewal loses the tokens, which nobody could mend: right after one there is time.
after_a_renewal() {
    local before
    before=$(calls openlist/renewapi)
    for _ in $(seq 150); do
        [ "$(calls openlist/renewapi)" = "$before" ] || break
        sleep 0.1
    done
    sleep 0.5
}
told() {
    echo "$1 ($SECONDS s): refused $(curl -sf "$SIM/sim/refused"), opened $(calls "data GET")"
}
replace() {
    end_process "${PROCESSES[$1]}" "$2"
    sleep "$3"
    instance "$1"
}
stand_still() {
    kill -STOP "${PROCESSES[$1]}"
    sleep "$2"
    kill -CONT "${PROCESSES[$1]}"
}
database_ends() {
    sh -c "$POSTGRES_CONTROL stop -m $1" >/dev/null
    sleep 1
    sh -c "$POSTGRES_CONTROL start" >/dev/null
}
database_stands_still() {
    local server processes
    server=$(head -1 "$POSTGRES_PID_FILE")
    processes="$server $(cat "/proc/$server/task/$server/children")"
    kill -STOP $processes 2>/dev/null || true
    sleep "$1"
    kill -CONT $processes 2>/dev/null || true
}

echo "a load ($SECONDS s)"
python3 "$here/instances.py" "127.0.0.1:$BALANCER" "$SIM" "$WORK/film.bin" "$TROUBLES" "$SECONDS_OF_LOAD" \
    "127.0.0.1:${PORTS[one]}" "127.0.0.1:${PORTS[two]}" >"$WORK/load.out" 2>&1 &
LOAD=$!
PIDS+=("$LOAD")
sleep 5
after_a_renewal
replace one -KILL 0
sleep 4
trouble database_ends fast
sleep 5
told "the first came back, and the database"
after_a_renewal
# Its bodies stand open while the other one has its places.
before=$(refused downloads)
trouble stand_still two 17
standing=$(($(refused downloads) - before))
told "one stood still"
sleep 3
trouble database_stands_still 6
sleep 5
told "the database stood still"
trouble database_ends immediate
sleep 5
told "the database crashed"
after_a_renewal
replace two -KILL 3
sleep 3
replace one -TERM 0
told "each was replaced"
if ! wait "$LOAD"; then
    cat "$WORK/load.out"
    exit 1
fi
cat "$WORK/load.out"
echo "the end ($SECONDS s)"
equal "calls refused for the rate" 0 "$(refused calls)"
# The drive hears of a body's end a moment after alidav: what comes in that moment is asked for again.
[ $((($(refused downloads) - standing) * 20)) -le "$(calls "data GET")" ] || { echo "too many downloads were refused"; exit 1; }
equal "refresh tokens used twice" 0 "$(refused spent_tokens)"
contains "most bodies at a time" "$(curl -sf "$SIM/sim/downloads" | jq .peak)" "1 2 3"
lever expire/access_tokens
for name in one two; do
    equal "$name still has a token" 207 "$(status -X PROPFIND -H 'Depth: 1' -H 'Cache-Control: no-cache' "http://127.0.0.1:${PORTS[$name]}/dav/")"
done
echo "tokens renewed $(calls openlist/renewapi) times"
echo "$CHECKS checks in $SECONDS s"
