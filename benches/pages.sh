#!/usr/bin/env bash
# The pages as a browser has them: a folder of 10,000 to its first rows and in scrolling, bytes over the wire of a first
# and of a second visit, a click on a film to its first frame, with the calls to the drive that each costs, and memory
# with fifty sessions. Needs chromium, chromium-driver, python3, curl and jq.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
HERE="$(dirname "$0")"
SESSIONS="${SESSIONS:-50}"

resident() {
    awk -v what="$2" '$1 == what ":" { printf "%.1f MiB", $2 / 1024 }' "/proc/$1/status"
}

simulate
lever rules '{"rate_limits":false}'
lever fill/default/many '{"count":10000}'
lever fill/default/few '{"count":20}'
lever generate/default/films/film.mkv '{"size":400000000,"seed":1}'
# The simulated drive's host is none that pages may load from by themselves.
serve '[[mount]]' 'path = "/"' '[web]' "media_hosts = [\"$SIM\"]"
PID=${PIDS[-1]}
http -o /dev/null "$URL/api/list?path=/many"
echo "memory with a known folder of 10,000: $(resident "$PID" VmRSS)"
python3 "$HERE/pages.py" "$URL" "$SIM"

before=$(resident "$PID" VmRSS)
jobs=()
for n in $(seq "$SESSIONS"); do
    curl -sf -o /dev/null -c "$WORK/cookies.$n" -H 'Sec-Fetch-Site: same-origin' -H 'Content-Type: application/json' \
        -d '{"name":"me","password":"secret word"}' "$URL/api/session"
done
for n in $(seq "$SESSIONS"); do
    curl -sf -o /dev/null -b "$WORK/cookies.$n" -H 'Accept-Encoding: gzip' "$URL/api/list?path=/many" &
    jobs+=($!)
done
wait "${jobs[@]}"
echo "memory with $SESSIONS sessions that list it at once: $before before, $(resident "$PID" VmRSS) after, at its peak $(resident "$PID" VmHWM)"
