#!/usr/bin/env bash
# Time from start to listening, resident memory when idle and with 200 streams, size of the program.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
STREAMS="${STREAMS:-200}"

resident() {
    awk -v what="$2" '$1 == what ":" { printf "%.1f MiB", $2 / 1024 }' "/proc/$1/status"
}

simulate
lever rules '{"rate_limits":false,"max_downloads":100000}'
# A film for each stream, asked for by range: the pieces kept of each count too.
for n in $(seq "$STREAMS"); do
    lever "generate/default/film$n" "{\"size\":60000000,\"seed\":$n}"
done
serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
kill "${PIDS[-1]}"
wait "${PIDS[-1]}" 2>/dev/null || true
unset 'PIDS[-1]'
sed -i 's/^\[upstream\]/[upstream]\nmax_streams = 1000/' "$WORK/alidav.toml"

# Ten starts, the median.
for _ in $(seq 10); do
    python3 - "$ALIDAV" "$WORK/alidav.toml" <<'PY'
import subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen([sys.argv[1], "serve", "--config", sys.argv[2]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
child.stdout.readline()
print(f"{(time.monotonic() - began) * 1000:.1f}")
child.terminate()
child.wait()
PY
done | sort -n | awk '{ v[NR] = $1 } END { printf "start to listening: %s ms (median of %d)\n", v[int((NR + 1) / 2)], NR }'

start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
URL=$ADDRESS
PID=${PIDS[-1]}
sleep 1
echo "idle: $(resident "$PID" VmRSS)"
http -o /dev/null -X PROPFIND -H 'Depth: 1' "$URL/dav/"
echo "after a first listing: $(resident "$PID" VmRSS)"
jobs=()
for n in $(seq "$STREAMS"); do
    http -o /dev/null --limit-rate 1M --max-time 15 -H 'Range: bytes=0-' "$URL/dav/film$n" &
    jobs+=($!)
done
sleep 12
echo "$STREAMS streams of 1 MB/s, a film each: $(resident "$PID" VmRSS), open at the drive: $(curl -sf "$SIM/sim/downloads" | jq .open)"
wait "${jobs[@]}" || true
echo "at its peak: $(resident "$PID" VmHWM)"
strip -o "$WORK/stripped" "$ALIDAV"
echo "program: $(stat -c %s "$ALIDAV" | awk '{ printf "%.1f MB", $1 / 1e6 }'), $(stat -c %s "$WORK/stripped" | awk '{ printf "%.1f MB", $1 / 1e6 }') stripped"
