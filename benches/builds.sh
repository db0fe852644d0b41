#!/usr/bin/env bash
# Builds of the program beside each other: benches/builds.sh PROGRAM... For each its size, its processor time for a warm
# PROPFIND of 10,000 entries, plain and packed, for a GB through the proxy to one client, for a GB written, and for a GB
# of 64 streams with an upload beside them; and its peak memory after all that. All serve one simulated drive, in turns;
# medians of ROUNDS. Processor time, since a machine that does other things too changes it least. Needs curl, jq.
LOG=info
ALIDAV=$1
source "$(dirname "$0")/../tests/clients/lib.sh"
ROUNDS="${ROUNDS:-5}"
LISTINGS="${LISTINGS:-100}"
MEGABYTES="${MEGABYTES:-600}"
BUILDS=("$@")
SERVED=() SERVING=()

simulate
lever rules '{"rate_limits":false,"max_downloads":1000,"discard_uploads":true}'
lever generate/default/film.mkv '{"size":8000000000,"seed":1}'
lever fill/default/many '{"count":10000}'
head -c $((MEGABYTES * 1000000)) /dev/urandom >"$WORK/whole"
export ALIDAV_UPSTREAM__MAX_STREAMS=1000
for ALIDAV in "${BUILDS[@]}"; do
    serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"' 'rapid_upload = false'
    SERVED+=("$URL") SERVING+=("${PIDS[-1]}")
    status -X PROPFIND -H 'Depth: 1' "$URL/dav/many/" >/dev/null
done

listings() {
    local urls=()
    for _ in $(seq "$LISTINGS"); do urls+=(-o /dev/null "$URL/dav/many/"); done
    http -f -X PROPFIND -H 'Depth: 1' "$@" "${urls[@]}"
}

packed() {
    listings -H 'Accept-Encoding: gzip'
}

# read_by CLIENTS MEGABYTES: all at once.
read_by() {
    local jobs=()
    for n in $(seq "$1"); do
        http -f -o /dev/null -r "$((n * 80000000))-$((n * 80000000 + $2 * 1000000 - 1))" "$URL/dav/film.mkv" &
        jobs+=($!)
    done
    wait "${jobs[@]}"
}

written() {
    http -f -o /dev/null -H 'Expect:' -T "$WORK/whole" "$URL/dav/written"
}

crowd() {
    local upload
    written &
    upload=$!
    read_by 64 $((MEGABYTES / 20))
    wait "$upload"
}

# spent NUMBER PARTS COMMAND...: the processor milliseconds of a build for a command, divided by its parts.
spent() {
    local stat=/proc/${SERVING[$1]}/stat parts=$2 before after
    URL=${SERVED[$1]}
    shift 2
    before=$(awk '{ print $14 + $15 }' "$stat")
    "$@"
    after=$(awk '{ print $14 + $15 }' "$stat")
    awk -v ticks="$((after - before))" -v hz="$(getconf CLK_TCK)" -v parts="$parts" 'BEGIN { printf "%.3f\n", ticks * 1000 / hz / parts }'
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'
}

for _ in $(seq "$ROUNDS"); do
    for at in "${!BUILDS[@]}"; do
        spent "$at" "$LISTINGS" listings >>"$WORK/listing.$at"
        spent "$at" "$LISTINGS" packed >>"$WORK/packed.$at"
        spent "$at" "$MEGABYTES" read_by 1 "$MEGABYTES" >>"$WORK/read.$at"
        spent "$at" "$MEGABYTES" written >>"$WORK/written.$at"
        spent "$at" $((MEGABYTES + 64 * (MEGABYTES / 20))) crowd >>"$WORK/crowd.$at"
    done
done
printf '%9s %11s %10s %11s %12s %10s %10s  %s\n' MB "listing ms" "packed ms" "read s/GB" "written s/GB" "both s/GB" "peak MiB" build
for at in "${!BUILDS[@]}"; do
    printf '%9.2f %11s %10s %11s %12s %10s %10.1f  %s\n' "$(stat -c %s "${BUILDS[$at]}" | awk '{ print $1 / 1e6 }')" \
        "$(median "$WORK/listing.$at")" "$(median "$WORK/packed.$at")" "$(median "$WORK/read.$at")" \
        "$(median "$WORK/written.$at")" "$(median "$WORK/crowd.$at")" \
        "$(awk '/VmHWM/ { print $2 / 1024 }' "/proc/${SERVING[$at]}/status")" "${BUILDS[$at]##*/}"
done
