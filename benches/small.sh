#!/usr/bin/env bash
# Two measurements of memory. A machine with 64 MB: peak resident memory of alidav with the settings for one, while eight clients
# read and two write, and whether each got and left what it should. Then a hundred uploads at once. Needs curl, jq.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
MEGABYTES="${MEGABYTES:-200}"

simulate
lever rules '{"rate_limits":false,"max_downloads":1000}'
lever generate/default/film.mkv '{"size":8000000000,"seed":1}'
export ALIDAV_UPSTREAM__MAX_STREAMS=8
serve '[download]' 'memory = "16MiB"' '[upload]' 'part_size = "5MiB"' 'memory = "10MiB"' '[cache]' 'max_entries = 20000' '[[mount]]' 'path = "/"' 'link_policy = "proxy"' 'rapid_upload = false'
PID=${PIDS[-1]}
DIRECT=$(http -o /dev/null -w '%{redirect_url}' "$URL/dav/film.mkv?link_policy=redirect")
head -c $((MEGABYTES * 1000000)) /dev/urandom >"$WORK/whole"
jobs=()
for n in 1 2 3 4 5 6 7 8; do
    range="$((n * 700000000))-$((n * 700000000 + MEGABYTES * 1000000 - 1))"
    { http -f --limit-rate 20M -r "$range" "$URL/dav/film.mkv" | sha1sum >"$WORK/read.$n"; } &
    jobs+=($!)
done
for n in 1 2; do
    http -f -o /dev/null -T "$WORK/whole" "$URL/dav/written.$n" &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
for n in 1 2 3 4 5 6 7 8; do
    range="$((n * 700000000))-$((n * 700000000 + MEGABYTES * 1000000 - 1))"
    equal "reader $n" "$(curl -sf -r "$range" "$DIRECT" | sha1sum)" "$(cat "$WORK/read.$n")"
done
for n in 1 2; do
    equal "writer $n" "$(sha1sum <"$WORK/whole")" "$(http -f "$URL/dav/written.$n" | sha1sum)"
done
echo "8 readers and 2 writers of $MEGABYTES MB each, all whole; peak resident memory: $(awk '/VmHWM/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$PID/status")"

# A hundred uploads at once of more than a part each, under the default bound of 128 MiB: each is
# stored or, on a machine too slow for so many, told to come back; and what they held is given back.
UPLOADS="${UPLOADS:-100}"
kill "$PID"
wait "$PID" 2>/dev/null || true
unset 'PIDS[-1]'
lever rules '{"rate_limits":false,"max_downloads":1000,"discard_uploads":true}'
serve '[upload]' 'memory = "128MiB"' '[[mount]]' 'path = "/"' 'rapid_upload = false'
PID=${PIDS[-1]}
resident() {
    awk -v field="$1" '$1 == field { printf "%.1f MiB", $2 / 1024 }' "/proc/$PID/status"
}
before=$(resident VmRSS:)
head -c $((22 << 20)) /dev/urandom >"$WORK/upload"
jobs=()
for n in $(seq "$UPLOADS"); do
    http -o /dev/null -w '%{http_code}\n' -T "$WORK/upload" "$URL/dav/upload.$n" >"$WORK/upload.$n" &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
held=$(curl -sf "$URL/metrics" | sed -n 's/^alidav_upload_memory_bytes //p')
stored=$(cat "$WORK"/upload.[0-9]* | grep -c 201 || true)
equal "uploads stored or told to come back" "$UPLOADS" "$(cat "$WORK"/upload.[0-9]* | grep -cE '201|503')"
equal "what uploads hold at the end" 0 "$held"
echo "$UPLOADS uploads of 22 MiB at once within 128 MiB, $stored stored: resident before $before, at most $(resident VmHWM:), afterwards $(resident VmRSS:)"
