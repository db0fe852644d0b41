#!/usr/bin/env bash
# alidav copy beside rclone, from one local tree; from rclone's own WebDAV server, which tells no SHA-1; from a second
# alidav, a film of 20 GB among it that the drive has; and back. Then the bars on terminals, a drive that goes away in
# the middle, and a copy that is killed in the middle.
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

# The bar on a terminal, and on a narrow one: each thing once, nothing wrapped.
LOG=warn write_settings '[[mount]]' 'path = "/"'
for width in 80 40; do
    head -c 6000000 /dev/urandom >"$WORK/slow$width"
    tmux -L "alidav$$" new-session -d -x "$width" -y 24 \
        "'$ALIDAV' copy --config '$WORK/alidav.toml' --bwlimit 1MiB '$WORK/slow$width' drive:/slow; sleep 60"
    for _ in $(seq 300); do
        screen=$(tmux -L "alidav$$" capture-pane -p)
        grep -q '[1-9][0-9]%' <<<"$screen" && break
        sleep 0.1
    done
    equal "lines of the bar at $width columns" 3 "$(grep -c . <<<"$screen")"
    contains "share at $width columns" "0/1 files, 0% without" "$(sed -n 3p <<<"$screen")"
    contains "bytes and rate at $width columns" "/5.72 MiB, " "$(sed -n 2p <<<"$screen")"
    contains "time left at $width columns" " left, " "$(sed -n 3p <<<"$screen")"
    tmux -L "alidav$$" kill-server
done

# eventually COMMAND...: waits until it succeeds, for half a minute at most.
eventually() {
    for _ in $(seq 300); do
        "$@" && return
        sleep 0.1
    done
    echo "never: $*"
    return 1
}
# told COUNT WORD: whether the copy in the background has said it so often.
told() {
    [ "$(grep -cF "$2" "$WORK/copy.json")" -ge "$1" ]
}
drive_at() {
    start drive "$ALIDAV" simulate --listen "$1" --empty --dir "$WORK/drive"
    SIM=$ADDRESS DRIVE=${PIDS[-1]}
}

# The drive ends in the middle of a copy, and is there again: it waits, tells why, and goes on.
drive_at 127.0.0.1:0
write_settings '[[mount]]' 'path = "/"'
mkdir "$WORK/many"
for n in $(seq -w 30); do head -c 400000 /dev/urandom >"$WORK/many/$n"; done
"$ALIDAV" copy --config "$WORK/alidav.toml" --json --bwlimit 2MiB "$WORK/many" drive:/ \
    >"$WORK/copy.json" 2>>"$WORK/copy.log" &
COPY=$!
PIDS+=("$COPY")
eventually told 5 '"outcome":"sent"'
kill -9 "$DRIVE"
wait "$DRIVE" || true
eventually told 1 '"event":"waiting"'
contains "why it waits" "Connection refused" "$(grep -F '"event":"waiting"' "$WORK/copy.json")"
[ "$(grep -cF '"outcome":"sent"' "$WORK/copy.json")" -lt 25 ]
drive_at "${SIM#http://}"
ended=0
wait "$COPY" || ended=$?
equal "the copy waits a drive out" 0 "$ended"
told 1 '"event":"going on"'
contains "nothing twice" "30 received" "$(copy drive:/many/ "$WORK/many.back")"
equal "nothing lost" "" "$(diff -r "$WORK/many" "$WORK/many.back" 2>&1)"

# A copy is killed in the middle of a large file: the next goes on with the part at which it was.
write_settings '[upload]' 'part_size = "2MiB"' '[[mount]]' 'path = "/"'
head -c 41943040 /dev/urandom >"$WORK/large"
lever reset
"$ALIDAV" copy --config "$WORK/alidav.toml" --bwlimit 8MiB "$WORK/large" drive:/killed >>"$WORK/copy.log" 2>&1 &
COPY=$!
PIDS+=("$COPY")
sent() {
    [ "$(calls 'data PUT')" -ge "$1" ]
}
eventually sent 8
kill -9 "$COPY"
wait "$COPY" || true
before=$(calls 'data PUT')
[ "$before" -lt 20 ]
lever reset
contains "after a kill" "1 sent" "$(copy "$WORK/large" drive:/killed)"
after=$(calls 'data PUT')
echo "20 parts: $before before the kill, $after after it"
[ $((before + after)) -le 21 ]
copy drive:/killed/large "$WORK/large.back" >/dev/null
cmp "$WORK/large" "$WORK/large.back/large"
if grep -qF "secret word" "$WORK/copy.log"; then exit 1; fi
echo "$CHECKS checks"
