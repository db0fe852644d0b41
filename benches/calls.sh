#!/usr/bin/env bash
# Calls to the drive that operations cost, counted by the simulated drive, beside the budget; then how long
# rclone takes for a walk over 100 folders at the documented rates. Needs curl, jq, rclone.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"

# cost NAME BUDGET COMMAND...: runs a command and prints what it cost.
cost() {
    local name=$1 budget=$2 answer
    shift 2
    lever reset
    answer=$("$@")
    printf '%-56s %6s %6s %6s  %s\n' "$name" "$(calls)" "$budget" "$(calls 'data PUT')" "$answer"
    [ "$(calls)" = "$budget" ] || curl -sf "$SIM/sim/calls" | jq -c .
}

list() {
    status -X PROPFIND -H 'Depth: 1' "$URL/dav$1"
}

fresh() {
    status -X PROPFIND -H 'Depth: 1' -H 'Cache-Control: no-cache' "$URL/dav$1"
}

seeks() {
    for n in $(seq 200); do
        http -o /dev/null -r "$((n * 4999999))-$((n * 4999999 + 999))" -w '%{http_code}\n' "$URL/dav/film.mkv"
    done | sort | uniq -c | tr -s ' '
}

# Explorer's save of a new file, as the requests come.
explorer() {
    local url="$URL/dav/new.docx" token
    status -X PUT --data-binary '' "$url" && echo -n ' '
    token=$(http -D - -o /dev/null -X LOCK -H 'Content-Type: text/xml' -H 'Timeout: Second-3600' "$url" --data-binary \
        '<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>' |
        tr -d '\r' | sed -n 's/^[Ll]ock-[Tt]oken: //p')
    status -X PROPPATCH -H "If: ($token)" "$url" --data-binary \
        '<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32LastModifiedTime>Tue, 24 Nov 2026 01:00:00 GMT</Z:Win32LastModifiedTime></D:prop></D:set></D:propertyupdate>' && echo -n ' '
    status -X PUT -H "If: ($token)" --data-binary 'a document' "$url" && echo -n ' '
    status -X UNLOCK -H "Lock-Token: $token" "$url"
}

simulate
# Background tasks end at once: how often they are asked after depends on their length.
lever rules '{"rate_limits":false,"task_polls":null}'
for n in 1 200 201 1000; do lever "fill/default/f$n" "{\"count\":$n}"; done
lever fill/default/a/b/c/d/e '{"count":3}'
lever fill/default/tree/below '{"count":300}'
lever generate/default/film.mkv '{"size":1000000000,"seed":1}'
serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
list / >/dev/null
head -c 100000 /dev/urandom >"$WORK/file"
head -c 100000 /dev/urandom >"$WORK/other"
head -c 1073741824 /dev/zero >"$WORK/large"
SHA1=$(sha1sum "$WORK/file" | cut -d' ' -f1)

printf '%-56s %6s %6s %6s  %s\n' operation calls budget parts answered
for n in 1 200 201 1000; do
    cost "PROPFIND of $n entries, cold" $(((n + 199) / 200)) list "/f$n/"
done
cost "PROPFIND of 1000 entries, again" 0 list /f1000/
cost "PROPFIND five levels down, nothing cached" 2 list /a/b/c/d/e/
cost "a missing name in a cached folder" 0 status "$URL/dav/f1000/missing"
cost "HEAD of a listed file" 0 status -I "$URL/dav/film.mkv"
cost "GET of a listed file" 1 status "$URL/dav/film.mkv" -r 0-99
cost "GET again, and 200 seeks" 0 seeks
cost "PUT of a new file of 100 kB" 2 status -T "$WORK/file" "$URL/dav/new"
cost "PUT with the OC-Checksum of what the drive has" 2 status -H "OC-Checksum: SHA1:$SHA1" -T "$WORK/file" "$URL/dav/same"
cost "PUT over it" 3 status -T "$WORK/other" "$URL/dav/new"
lever rules '{"discard_uploads":true}'
cost "PUT of 1 GiB" 2 status -T "$WORK/large" "$URL/dav/large"
cost "Explorer's save of a new file" 2 explorer
cost "MKCOL" 1 status -X MKCOL "$URL/dav/folder/"
cost "rename" 1 status -X MOVE -H "Destination: $URL/dav/renamed" "$URL/dav/same"
cost "MOVE to another folder" 1 status -X MOVE -H "Destination: $URL/dav/folder/renamed" "$URL/dav/renamed"
cost "MOVE with a new name" 2 status -X MOVE -H "Destination: $URL/dav/other" "$URL/dav/folder/renamed"
cost "COPY" 1 status -X COPY -H "Destination: $URL/dav/folder/other" "$URL/dav/other"
cost "COPY with a new name" 2 status -X COPY -H "Destination: $URL/dav/another" "$URL/dav/other"
cost "DELETE of a tree of 300 files" 1 status -X DELETE "$URL/dav/tree/"
cost "PROPFIND of the folder just changed" 0 list /
cost "PROPFIND with Cache-Control: no-cache" 1 fresh /

for n in $(seq -w 100); do lever "fill/resource/folder$n" '{"count":1}'; done
kill "${PIDS[-1]}"
wait "${PIDS[-1]}" || true
unset 'PIDS[-1]'
lever rules '{"rate_limits":true}'
export ALIDAV_UPSTREAM__LIST_PER_S=4 ALIDAV_UPSTREAM__LINK_PER_S=1 ALIDAV_UPSTREAM__OTHER_PER_S=15
serve '[[mount]]' 'path = "/"' 'drive_type = "resource"'
rclone config create r webdav url="$URL/dav" vendor=other user=me pass="secret word" --obscure >/dev/null 2>&1
list / >/dev/null
# The burst that signing in and the first listing began is over.
sleep 12
lever reset
echo
for state in cold warm; do
    began=$(date +%s.%N)
    items=$(rclone lsf -R r: | wc -l)
    took=$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')
    echo "rclone lsf -R of 100 folders at 4 listings a second, $state: $items items, $(calls openFile/list) listings, $took s"
    lever reset
done
echo "(100 listings / 4 per second = 25.0 s; the root was listed before)"
