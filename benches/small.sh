#!/usr/bin/env bash
# A machine with 64 MB: peak resident memory of alidav with the settings for one, while eight clients read
# and two write, and whether each got and left what it should. Needs curl, jq.
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
