#!/usr/bin/env bash
# All measurements, each side by side with what it is compared to, in one run of about 25 minutes.
# Needs nginx, apache2, PostgreSQL (only their programs), curl, jq, python3, ffmpeg, rclone, chromium and chromium-driver.
set -euo pipefail
cd "$(dirname "$0")/.."
export ALIDAV="$PWD/target/release/alidav"

measure() {
    printf '\n== %s\n' "$*"
    "$@"
}

cargo build --release --locked
printf '%s, %s processors, %s\n' "$(date -u +%F)" "$(nproc)" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
awk '/MemTotal/ { printf "%.0f GiB of memory\n", $2 / 1048576 }' /proc/meminfo
uname -sr
measure bash benches/calls.sh
measure bash benches/proxy.sh
measure bash benches/film.sh
measure bash benches/upload.sh
measure env SIZE_MB=10240 ROUNDS=1 bash benches/upload.sh
measure bash benches/footprint.sh
measure bash benches/small.sh
measure bash benches/propfind.sh
measure bash benches/pages.sh
measure tests/postgres.sh bash benches/shared_state.sh
measure tests/postgres.sh bash benches/instances.sh
measure cargo bench --locked --bench propfind
measure cargo bench --locked --bench memory
measure cargo bench --locked --bench micro -- --quiet --warm-up-time 1 --measurement-time 3
