#!/usr/bin/env bash
# A film through the proxy of one instance, and through two that share a PostgreSQL, from the same simulated drive without
# limits: the same clients all at one, then half of them at each. In turns, medians of several rounds, with the CPU of
# the instances for each GB. Both run on this machine beside drive, database and clients: with few cores the rate tells
# what these leave, and the CPU what sharing costs. Runs as: tests/postgres.sh benches/instances.sh. Needs curl, jq.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
ROUNDS="${ROUNDS:-7}"
[ -n "${POSTGRES_FOR_TESTS:-}" ] || { echo "run it by tests/postgres.sh"; exit 1; }

simulate
lever rules '{"rate_limits":false,"max_downloads":1000}'
lever generate/default/film.mkv '{"size":34359738368,"seed":1}'
export ALIDAV_UPSTREAM__MAX_STREAMS=1000 ALIDAV_STATE="$POSTGRES_FOR_TESTS"
URLS=()
for name in one two; do
    ALIDAV_INSTANCE=$name serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
    URLS+=("$URL")
done
INSTANCE_PIDS=("${PIDS[1]}" "${PIDS[2]}")

# Seconds of both so far.
cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{ ticks += $14 + $15 } END { printf "%.2f", ticks / hz }' \
        "/proc/${INSTANCE_PIDS[0]}/stat" "/proc/${INSTANCE_PIDS[1]}/stat"
}

# fetch SERVERS CLIENTS MEGABYTES: all at once, by turns at so many servers; prints MB/s and seconds of CPU for each GB.
fetch() {
    local jobs=() before started ended client
    before=$(cpu)
    started=$(date +%s.%N)
    for client in $(seq "$2"); do
        http -o /dev/null -r "0-$(($3 * 1000000 - 1))" -A "client/$client" "${URLS[client % $1]}/dav/film.mkv" &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    ended=$(date +%s.%N)
    awk -v mb="$(($2 * $3))" -v s="$started" -v e="$ended" -v b="$before" -v a="$(cpu)" \
        'BEGIN { printf "%.0f %.2f\n", mb / (e - s), (a - b) / mb * 1000 }'
}

# median COLUMN FILE
median() {
    awk -v column="$1" '{ print $column }' "$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%8s %12s %12s %8s %10s %10s\n' clients one two two/one "CPU s/GB" "of two"
for load in "2 1500" "8 400" "64 60"; do
    read -r clients megabytes <<<"$load"
    for servers in 1 2; do
        fetch "$servers" "$clients" 10 >/dev/null
        : >"$WORK/rates.$servers"
    done
    for _ in $(seq "$ROUNDS"); do
        for servers in 1 2; do fetch "$servers" "$clients" "$megabytes" >>"$WORK/rates.$servers"; done
    done
    awk -v c="$clients" -v one="$(median 1 "$WORK/rates.1")" -v two="$(median 1 "$WORK/rates.2")" \
        -v cpu="$(median 2 "$WORK/rates.1")" -v cpus="$(median 2 "$WORK/rates.2")" \
        'BEGIN { printf "%8d %7d MB/s %7d MB/s %8.2f %10.2f %10.2f\n", c, one, two, two / one, cpu, cpus }'
done
