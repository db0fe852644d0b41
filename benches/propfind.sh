#!/usr/bin/env bash
# PROPFIND Depth 1 over HTTP for folders of 10 to 100,000 entries: alidav cold (after a start, from the
# simulated drive) and warm, and Apache's mod_dav over a file system in the page cache. Medians of ROUNDS in turns.
# Then the memory of a cached entry. Needs apache2-bin, curl, jq, python3.
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
    python3 - "$SIM" "$n" <<'PY'
import http.client, sys, urllib.parse
host = urllib.parse.urlsplit(sys.argv[1]).netloc
connection = http.client.HTTPConnection(host)
for n in range(1, int(sys.argv[2]) + 1):
    connection.request("PUT", f"/sim/files/default/f{sys.argv[2]}/file%20number%20{n:06}.mkv", b"x")
    connection.getresponse().read()
PY
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

resident() {
    awk '/VmRSS/ { print $2 }' "/proc/$1/status"
}

# timed NAME URL: appends milliseconds; the answer must be a listing.
timed() {
    http -o /dev/null -X PROPFIND -H 'Depth: 1' -w '%{http_code} %{time_total} %{size_download}\n' "$2" |
        awk -v name="$1" '$1 != 207 { print "answered " $1 > "/dev/stderr"; exit 1 } { print name, $2 * 1000, $3 }' >>"$WORK/times"
}

median() {
    awk -v name="$1" '$1 == name { print $2 }' "$WORK/times" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%8s %10s %10s %10s %12s %12s\n' entries "cold ms" "warm ms" "Apache ms" "warm/Apache" "cold calls"
for n in $SIZES; do
    rm -f "$WORK/times"
    for _ in $(seq "$ROUNDS"); do
        serve '[[mount]]' 'path = "/"'
        PID=${PIDS[-1]}
        # Signing in and the drive's ids are not what is measured.
        status -X PROPFIND -H 'Depth: 0' "$URL/dav/" >/dev/null
        lever reset
        before=$(resident "$PID")
        timed cold "$URL/dav/f$n/"
        CALLS=$(calls)
        after=$(resident "$PID")
        timed warm "$URL/dav/f$n/"
        timed apache "$APACHE/f$n/"
        kill "$PID"
        wait "$PID" || true
        unset 'PIDS[-1]'
    done
    awk -v n="$n" -v c="$(median cold)" -v w="$(median warm)" -v a="$(median apache)" -v calls="$CALLS" \
        'BEGIN { printf "%8d %10.2f %10.2f %10.2f %12.3f %12d\n", n, c, w, a, w / a, calls }'
done
echo "memory of an entry, with what reading it left in the heap: $(((after - before) * 1024 / n)) bytes, of $n entries"
