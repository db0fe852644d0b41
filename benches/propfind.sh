#!/usr/bin/env bash
# PROPFIND Depth 1 over HTTP for folders of 10 to 100,000 entries: alidav cold (after a start, from the
# simulated drive) and warm, and Apache's mod_dav over a file system in the page cache. Medians of ROUNDS in turns.
# Needs apache2-bin, curl, jq, python3.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
ROUNDS="${ROUNDS:-5}"
SIZES="${SIZES:-10 1000 10000 100000}"
command -v apache2 >/dev/null || { echo "Apache is not installed (apt-get install apache2-bin)"; exit 1; }

simulate
lever rules '{"rate_limits":false}'
mkdir -p "$WORK/files" "$WORK/apache"
for n in $SIZES; do
    mkdir "$WORK/files/f$n"
    seq -f "$WORK/files/f$n/file number %06.0f.mkv" "$n" | tr '\n' '\0' | xargs -0 touch
    lever "fill/default/f$n" "{\"count\":$n}"
done
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$WORK/apache.conf" <<CONF
ServerRoot $WORK/apache
ServerName localhost
PidFile $WORK/apache/pid
ErrorLog $WORK/apache.log
Listen 127.0.0.1:$PORT
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
DavLockDB $WORK/apache/locks
DocumentRoot $WORK/files
<Directory $WORK/files>
    Dav On
    Require all granted
</Directory>
CONF
apache2 -f "$WORK/apache.conf" -DFOREGROUND &
PIDS+=($!)
APACHE="http://127.0.0.1:$PORT"
for _ in $(seq 50); do curl -s -o /dev/null "$APACHE/" && break; sleep 0.1; done

# Milliseconds of processor time so far.
processor() {
    awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000 / tick }' "/proc/$1/stat"
}

# timed NAME URL: appends milliseconds; the answer must be a listing.
timed() {
    http -o /dev/null -X PROPFIND -H 'Depth: 1' -w '%{http_code} %{time_total} %{size_download}\n' "$2" |
        awk -v name="$1" '$1 != 207 { print "answered " $1 > "/dev/stderr"; exit 1 } { print name, $2 * 1000, $3 }' >>"$WORK/times"
}

median() {
    awk -v name="$1" '$1 == name { print $2 }' "$WORK/times" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Of the cold time most is the simulator's, which sorts the whole folder for each page: hence alidav's own.
printf '%8s %10s %11s %10s %10s %12s %11s\n' entries "cold ms" "of it ours" "warm ms" "Apache ms" "warm/Apache" "cold calls"
for n in $SIZES; do
    rm -f "$WORK/times"
    for _ in $(seq "$ROUNDS"); do
        serve '[[mount]]' 'path = "/"'
        PID=${PIDS[-1]}
        # Signing in, the drive's ids and the folder above are not what is measured.
        status -X PROPFIND -H 'Depth: 1' "$URL/dav/" >/dev/null
        lever reset
        spent=$(processor "$PID")
        timed cold "$URL/dav/f$n/"
        awk -v a="$spent" -v b="$(processor "$PID")" 'BEGIN { print "ours", b - a }' >>"$WORK/times"
        CALLS=$(calls)
        timed warm "$URL/dav/f$n/"
        timed apache "$APACHE/f$n/"
        kill "$PID"
        wait "$PID" || true
        unset 'PIDS[-1]'
    done
    awk -v n="$n" -v c="$(median cold)" -v o="$(median ours)" -v w="$(median warm)" -v a="$(median apache)" -v calls="$CALLS" \
        'BEGIN { printf "%8d %10.2f %11.0f %10.2f %10.2f %12.3f %11d\n", n, c, o, w, a, w / a, calls }'
done
