#!/usr/bin/env bash
# alidav copy beside rclone, from one local tree; from rclone's own WebDAV server, which tells no SHA-1; from a second
# alidav, a film of 20 GB among it that the drive has; and back.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
rclone config create there webdav url="$URL/dav" vendor=nextcloud user=me pass="secret word" nextcloud_chunk_size=0 \
    --obscure >/dev/null 2>&1
SERVER=$URL
# A server sees what a copy has made within a minute, or when it is asked to look.
anew() {
    http -o /dev/null -X PROPFIND -H 'Depth: 1' -H 'Cache-Control: no-cache' "$SERVER/dav/"
}
copy() {
    "$ALIDAV" copy --config "$WORK/alidav.toml" "$@" 2>>"$WORK/copy.log"
}

# A hundred files, of which the drive has ninety elsewhere.
mkdir -p "$WORK/tree/电影/deep" "$WORK/tree/empty"
for n in $(seq -w 100); do
    head -c $((20000 + 10#$n)) /dev/urandom >"$WORK/tree/电影/$n.bin"
done
head -c 30000000 /dev/urandom >"$WORK/tree/电影/deep/large & odd #1.bin"
find "$WORK/tree" -type f -exec touch -d '2021-05-06 07:08:09 UTC' {} +
for n in $(seq -f %03g 90); do put "$WORK/tree/电影/$n.bin" "elsewhere/$n"; done

side() {
    echo "$1: $(calls) calls, $(calls 'data PUT') transfers"
}
lever reset
rclone copy --transfers 4 "$WORK/tree" there:rclone
side rclone
theirs=$(calls)
# Else the drive would have all of it.
curl -sf -X DELETE "$SIM/sim/files/default/rclone" >/dev/null
lever reset
told=$(copy "$WORK/tree/" drive:/copy)
side "alidav copy"
contains "what was sent" "90 attached without sending, 11 sent" "$told"
equal "transfers" 12 "$(calls 'data PUT')"
[ "$(calls)" -le $((theirs + 5)) ]
anew
rclone check --download --one-way "$WORK/tree" there:copy >"$WORK/check.log" 2>&1 || { cat "$WORK/check.log"; exit 1; }
equal "time of change" "2021-05-06 07:08:09" "$(TZ=UTC rclone lsl there:copy/电影/001.bin | grep -o '2021-[0-9-]* [0-9:]*')"
contains "the empty folder" "empty/" "$(rclone lsf there:copy)"
lever reset
contains "a second run" "101 present" "$(copy "$WORK/tree/" drive:/copy)"
equal "a second run only lists" "$(calls)" "$(($(calls openFile/list) + $(calls openFile/get_by_path)))"
contains "json" '"exit":0' "$(copy --json "$WORK/tree/" drive:/copy | tail -1)"

# From rclone's WebDAV server: no SHA-1, known by length and time.
rclone serve webdav "$WORK/tree" --addr 127.0.0.1:0 --user me --pass "secret word" >"$WORK/webdav.log" 2>&1 &
PIDS+=($!)
for _ in $(seq 100); do
    from=$(sed -n 's|.*\(http://127.0.0.1:[0-9]*/\).*|\1|p' "$WORK/webdav.log" | head -1)
    [ -n "$from" ] && break
    sleep 0.1
done
export WEBDAV_PASSWORD="secret word"
contains "from rclone" "0 failed" "$(copy --user me "$from" drive:/from)"
anew
rclone check --download --one-way "$WORK/tree" there:from >"$WORK/check.log" 2>&1 || { cat "$WORK/check.log"; exit 1; }
lever reset
contains "from rclone again" "101 present, 0 failed" "$(copy --user me "$from" drive:/from)"
equal "nothing was made" 0 "$(calls openFile/create)"

# From a second alidav, over another drive.
first=$SIM settings=$WORK/alidav.toml
cp "$settings" "$WORK/first.toml"
simulate2() { start simulate2 "$ALIDAV" simulate --listen 127.0.0.1:0 --empty; SIM=$ADDRESS; }
simulate2
lever rules "$no_rates"
film='{"size":20000000000,"seed":9,"sha1":"00112233445566778899aabbccddeeff00112233"}'
lever generate/default/films/film.mkv "$film"
put "$WORK/tree/电影/001.bin" films/known.bin
head -c 700000 /dev/urandom >"$WORK/unknown"
put "$WORK/unknown" films/unknown.bin
serve '[[mount]]' 'path = "/"'
second=$SIM from="$URL/dav/films/"
SIM=$first
lever generate/default/elsewhere/film.mkv "$film"
cp "$WORK/first.toml" "$WORK/alidav.toml"
lever reset
began=$SECONDS
told=$(copy --user me "$from" drive:/films)
contains "a film of 20 GB" "2 attached without sending, 1 sent" "$told"
echo "20 GB from another alidav: $((SECONDS - began)) s, $(calls) calls; $told"
anew
equal "the film is there" 20000000000 "$(rclone lsf --format s there:films/film.mkv)"
[ "$(curl -sf "$second/sim/downloads" | jq .bytes)" -lt 2000000 ]

# And back.
contains "back" "101 received" "$(copy drive:/copy/ "$WORK/back")"
equal "there and back" "" "$(diff -r "$WORK/tree" "$WORK/back" 2>&1)"
contains "back again" "101 present" "$(copy drive:/copy/ "$WORK/back")"
if grep -qF "secret word" "$WORK/copy.log"; then exit 1; fi
echo "$CHECKS checks"
